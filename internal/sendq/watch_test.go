package sendq

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

// pushed is a push reported to a Watcher.
type pushed struct {
	step uint64
	message
}

// tape is a Watcher that records pushes. player is a Watcher that repeats them.
type tape struct {
	t      testing.TB
	mu     sync.Mutex
	pushes []pushed
	steps  uint64
}

func (w *tape) Step(_ *Queue, peer, n uint64) {
	require.EqualValues(w.t, 7, peer)
	require.Equal(w.t, w.steps, n, "steps are numbered consecutively")
	w.steps++
}

func (w *tape) Pushed(peer, n uint64, m Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pushes = append(w.pushes, pushed{n, message{
		channel: m.Channel, intent: m.Intent, priority: m.Priority, token: m.Token, expires: m.Expires, payload: string(m.Payload),
	}})
}

func (w *tape) Displaced(_, _ uint64, n int) {
	require.Failf(w.t, "displaced", "%d, without a budget", n)
}

type player struct {
	t    testing.TB
	left []pushed
}

func (w *player) Step(q *Queue, peer, n uint64) {
	for len(w.left) > 0 && w.left[0].step <= n {
		m := w.left[0]
		w.left = w.left[1:]
		o, _ := q.Push(m.queued())
		require.Contains(w.t, []Outcome{Queued, Replaced}, o, "a recorded push was rejected in the replay")
	}
}

func (w *player) Pushed(uint64, uint64, Message) {}

func (w *player) Displaced(uint64, uint64, int) {}

// steps makes n random calls of the core, and returns their results. It closes the
// queue in between if closes is true.
func steps(q *Queue, r *rand.Rand, n int, closes bool) (log []string) {
	note := func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }
	for i := range n {
		now := pipeline.Time(i)
		switch r.IntN(14) {
		case 0, 1:
			state, reliable, ranked := q.Waiting()
			note("waiting %d %d %v", state, reliable, ranked)
		case 2, 3:
			state, reliable := q.Peek()
			note("peek %d %d", state, reliable)
		case 4, 5, 6, 7:
			reliable, most := r.IntN(2) == 0, r.IntN(6)
			var taken []message
			order, n := q.Turns(reliable)
			for _, p := range order[:n] {
				q.Take(reliable, p, now, func(it *Item, payload []byte) bool {
					if len(taken) == most {
						return false
					}
					taken = append(taken, message{channel: it.Channel, intent: it.Intent, payload: string(payload), givenUp: it.GivenUp})
					return true
				})
			}
			note("take %v %d %v", reliable, most, taken)
		case 8:
			q.Trim()
			note("trim")
		case 9:
			q.Restore([]Returned{back(r.Uint32N(3), fmt.Appendf(nil, "back %d", i))})
			note("restore")
		case 10:
			online := r.IntN(4) > 0
			note("online %v %d", online, q.SetOnline(online))
		case 11:
			holding := r.IntN(3) > 0
			q.SetHolding(holding)
			note("holding %v", holding)
		case 12:
			decided, expires := q.Attend(nil)
			note("attend %v %d", decided, expires)
		case 13:
			q.Expire(now)
			note("expire")
		}
		if closes && i == n*3/4 {
			note("close %d", q.Close())
		}
	}
	return log
}

// rest returns the remaining messages after the last push.
func rest(q *Queue) string {
	state, reliable, _ := q.Waiting()
	superseded, displaced := q.Drops()
	return fmt.Sprint(state, reliable, q.Bytes(), superseded, displaced)
}

// pushAll pushes in all possible ways until the core is done.
func pushAll(q *Queue, r *rand.Rand, who int, done <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		default:
		}
		channel, intent := r.Uint32N(4), 1+pipeline.Intent(r.IntN(3))
		payload := fmt.Appendf(nil, "%d/%d %*d", who, i, r.IntN(40), 0)
		m := &Message{Channel: channel, Intent: intent, Payload: payload}
		switch r.IntN(4) {
		case 0:
			m.Priority = pipeline.Low + pipeline.Priority(r.IntN(4))
		case 1:
			m.Token = uint64(1 + i)
			m.Sent, m.Ask = pipeline.Time(m.Token), m.Token%2 == 0
		case 2:
			m.Expires = pipeline.Time(1 + r.IntN(400))
		}
		switch r.IntN(3) {
		case 0:
			q.Push(m)
		case 1:
			p := NewPayload(payload, 1)
			if o, _ := q.PushShared(m, p); o != Queued && o != Replaced {
				p.Release(1)
			}
		case 2:
			q.PushWait(m)
		}
		clear(payload)
	}
}

// Repeating the recorded pushes between the same steps of the core gives the same
// results of all steps and the same drops, for any interleaving of the original
// pushes.
func TestWatchedPushesAreReplayed(t *testing.T) {
	r := seed.Rand(t)
	limits := Limits{StateMessages: 6, StateBytes: 200, ReliableMessages: 5, ReliableBytes: 150}
	taken := 0
	for range 60 {
		core, closes := r.Uint64(), r.IntN(3) == 0
		recorded := &tape{t: t}
		q := New(limits, nil)
		q.Watch(recorded, 7)
		require.EqualValues(t, 7, q.Peer())
		done := make(chan struct{})
		var pushers sync.WaitGroup
		for who := range 3 {
			mine := rand.New(rand.NewPCG(r.Uint64(), 0))
			pushers.Go(func() { pushAll(q, mine, who, done) })
		}
		want := steps(q, rand.New(rand.NewPCG(core, 0)), 400, closes)
		close(done)
		pushers.Wait()
		want = append(want, rest(q))

		again := New(limits, nil)
		again.Watch(&player{t, recorded.pushes}, 7)
		got := append(steps(again, rand.New(rand.NewPCG(core, 0)), 400, closes), rest(again))
		require.Equal(t, want, got)
		taken += len(recorded.pushes)
	}
	require.Greater(t, taken, 1000, "too few messages were pushed concurrently")
}

// A push is assigned to the first step that sees it. A rejected one is not reported.
func TestPushesAreNumberedByTheNextStep(t *testing.T) {
	w := &tape{t: t}
	q := New(Limits{StateMessages: 1, StateBytes: 100, ReliableMessages: 1, ReliableBytes: 100}, nil)
	q.Watch(w, 7)
	push(q, 1, pipeline.Realtime, []byte("offline"))
	q.SetOnline(true) // step 0
	push(q, 1, pipeline.Reliable, []byte("a"))
	push(q, 1, pipeline.Reliable, []byte("full"))
	q.Waiting() // 1
	q.Peek()    // 2
	q.Len()
	q.Bytes()
	push(q, 1, pipeline.Realtime, []byte("b"))
	push(q, 1, pipeline.Realtime, []byte("c")) // replaces b
	take(q, true, func(uint32, pipeline.Intent, []byte) bool {
		return true
	}) // 3
	push(q, 1, pipeline.Reliable, []byte("d"))
	q.Trim() // 4
	q.Close()
	push(q, 1, pipeline.Reliable, []byte("closed"))
	require.EqualValues(t, 6, w.steps)
	var got []string
	for _, p := range w.pushes {
		got = append(got, fmt.Sprint(p.step, p.payload))
	}
	require.Equal(t, []string{"1a", "3b", "3c", "4d"}, got)
}

// A queue without a Watcher counts no steps.
func TestUnwatchedQueue(t *testing.T) {
	q := New(Limits{StateMessages: 1, StateBytes: 100, ReliableMessages: 1, ReliableBytes: 100}, nil)
	q.Watch(nil, 9)
	require.Zero(t, q.Peer())
	q.SetOnline(true)
	o, wake := push(q, 1, pipeline.Realtime, nil)
	require.Equal(t, Queued, o)
	require.True(t, wake)
}
