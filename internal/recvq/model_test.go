package recvq

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

// modelQueue is a receive queue in the simplest form: two slices.
type modelQueue struct {
	state, reliable []Message
	staged          int // Reliable messages that are not published yet
	ended, retired  bool
	dropped         int
}

func (q *modelQueue) len() int { return len(q.state) + len(q.reliable) }

// of returns the slice for messages with the intent.
func (q *modelQueue) of(intent pipeline.Intent) *[]Message {
	if intent == pipeline.Reliable {
		return &q.reliable
	}
	return &q.state
}

// model is a Group in the simplest form. It says what a queue holds, but not whose
// turn it is.
type model struct {
	limit   int
	queues  []*modelQueue
	staged  []func() // what publish does
	retired []*modelQueue
}

func (g *model) push(q *modelQueue, m Message) {
	if m.Intent == pipeline.Reliable {
		q.staged++
	}
	g.staged = append(g.staged, func() {
		r := q.of(m.Intent)
		if m.Intent == pipeline.Reliable {
			q.staged--
		} else if len(*r) == g.limit {
			*r, q.dropped = (*r)[1:], q.dropped+1
		}
		*r = append(*r, m)
	})
}

func (g *model) publish() {
	for _, f := range g.staged {
		f()
	}
	g.staged = nil
}

// take checks a message that was received from q and removes it.
func (g *model) take(t *testing.T, q *modelQueue, m Message) {
	r := q.of(m.Intent)
	require.NotEmpty(t, *r)
	require.Equal(t, (*r)[0], m)
	*r = (*r)[1:]
	g.settle()
}

// settle forgets the retired queues without messages.
func (g *model) settle() {
	g.retired = slices.DeleteFunc(g.retired, func(q *modelQueue) bool { return q.len() == 0 })
}

func (g *model) retire(q *modelQueue) {
	g.publish()
	q.ended, q.retired = true, true
	if q.len() == 0 || slices.Contains(g.retired, q) {
		return
	}
	if len(g.retired) == maxRetired {
		oldest := g.retired[0]
		oldest.dropped += oldest.len()
		oldest.state, oldest.reliable = nil, nil
		g.settle()
	}
	g.retired = append(g.retired, q)
}

func (g *model) len() (n int) {
	for _, q := range g.queues {
		n += q.len()
	}
	return n
}

// Any sequence of calls has the same results as on the model: of each peer and of
// each kind of intent the same messages in the same order, the same drops, and the
// same errors.
func FuzzGroup(f *testing.F) {
	random := seed.Rand(f)
	for _, limit := range []byte{1, 3, 3, 40} {
		calls := make([]byte, 4000)
		for i := range calls {
			calls[i] = byte(random.Uint32())
		}
		f.Add(limit, calls)
	}
	f.Fuzz(func(t *testing.T, limit byte, calls []byte) {
		// More queues than can be retired with messages.
		w := newModelTest(t, 1+int(limit), maxRetired+16)
		for n := 0; n+1 < len(calls); n += 2 {
			w.call(n, calls[n], int(calls[n+1])%len(w.queues))
			if n%16 == 0 {
				w.check()
			}
		}
		w.g.Publish(false)
		w.m.publish()
		for w.receive(5) {
		}
		w.check()
		require.Zero(t, w.m.len())
		require.Zero(t, w.g.inBlocks+w.g.blocks.Len()+w.g.turns.Len()+w.g.retired.Len()+w.g.ringBytes+w.g.blockBytes)
	})
}

// modelTest makes the same calls on a group and on the model.
type modelTest struct {
	*testing.T
	g      *Group[int]
	m      *model
	queues []*Queue[int]
	ctx    context.Context // ended, so that Receive takes what is there and waits for nothing
}

func newModelTest(t *testing.T, limit, queues int) *modelTest {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w := &modelTest{T: t, g: NewGroup[int](limit, timeOf), m: &model{limit: limit}, ctx: ctx}
	for i := range queues {
		w.queues = append(w.queues, w.g.NewQueue(i))
		w.m.queues = append(w.m.queues, new(modelQueue))
	}
	return w
}

// call makes call n, chosen by op, on queue i.
func (w *modelTest) call(n int, op byte, i int) {
	q, mq := w.queues[i], w.m.queues[i]
	switch op %= 32; {
	case op < 17:
		// Few queues get most of the messages, so that they reach the limit.
		if op < 12 {
			q, mq = w.queues[i%4], w.m.queues[i%4]
		}
		if mq.retired {
			return // a forgotten peer sends nothing
		}
		m := Message{Arrived: timeOf(pipeline.Time(n)), Channel: uint32(n), Intent: pipeline.Intent(1 + op%3), Payload: fmt.Append(nil, n)}
		staged := len(w.g.stage.entries)
		q.Push(pipeline.Time(n), Message{Channel: m.Channel, Intent: m.Intent, Payload: m.Payload})
		if len(w.g.stage.entries) != staged+1 {
			w.m.publish() // it has published the earlier messages
		}
		w.m.push(mq, m)
	case op < 21:
		w.g.Publish(false)
		w.m.publish()
	case op < 24:
		w.receive(1 + i%3)
	case op == 24:
		w.receive(1000)
	case op < 28:
		w.receiveOf(q, mq, i%3)
	case op == 28:
		w.m.publish()
		q.End()
		mq.ended = true
	case op == 29:
		if !mq.retired {
			q.Reopen()
			mq.ended = false
		}
	case op == 30:
		w.g.Publish(false)
		q.Retire()
		w.m.retire(mq)
	default:
		w.g.settle()
		w.m.publish()
	}
}

// receive takes up to most messages of any peer, and reports whether there were
// some.
func (w *modelTest) receive(most int) bool {
	want := min(most, w.m.len())
	n, err := 0, error(nil)
	if most == 1 {
		var peer int
		var m Message
		if peer, m, err = w.g.Receive(w.ctx); err == nil {
			n++
			w.m.take(w.T, w.m.queues[peer], m)
		}
	} else {
		n, err = w.g.ReceiveBatch(w.ctx, most, func(i int, peer int, m Message) {
			m.Payload = slices.Clone(m.Payload)
			w.m.take(w.T, w.m.queues[peer], m)
		})
	}
	require.Equal(w, want, n)
	if want == 0 {
		require.ErrorIs(w, err, context.Canceled)
	} else {
		require.NoError(w, err)
	}
	return want > 0
}

// receiveOf takes a message of one peer, or up to most if that is not zero.
func (w *modelTest) receiveOf(q *Queue[int], mq *modelQueue, most int) {
	want := min(max(most, 1), mq.len())
	n, err := 0, error(nil)
	if most == 0 {
		var m Message
		if m, err = q.Receive(w.ctx); err == nil {
			n++
			w.m.take(w.T, mq, m)
		}
	} else {
		n, err = q.ReceiveBatch(w.ctx, most, func(_, peer int, m Message) {
			require.Equal(w, q.peer, peer)
			m.Payload = slices.Clone(m.Payload)
			w.m.take(w.T, mq, m)
		})
	}
	require.Equal(w, want, n)
	switch {
	case want > 0:
		require.NoError(w, err)
	case mq.ended:
		require.ErrorIs(w, err, ErrClosed)
	default:
		require.ErrorIs(w, err, context.Canceled)
	}
}

// check compares the group with the model, and what the group counts with what it
// holds.
func (w *modelTest) check() {
	inBlocks, ringBytes, dropped, turns := 0, 0, 0, 0
	held := w.held()
	for i, q := range w.queues {
		mq := w.m.queues[i]
		of := held[q]
		require.Equal(w, mq.len(), of+int(q.inRings))
		require.Equal(w, q.state.Len()+q.reliable.Len(), int(q.inRings))
		stateBytes, reliableBytes := 0, 0
		if q.inRings > 0 {
			stateBytes, reliableBytes = payloads(mq.state), payloads(mq.reliable)
		}
		require.Equal(w, []int{stateBytes, reliableBytes}, []int{q.stateBytes, q.reliableBytes})
		require.True(w, of == 0 || !q.separate(), "messages are in blocks or in rings")
		state, reliable := q.inBlocks()
		require.LessOrEqual(w, of, int(state+reliable))
		require.LessOrEqual(w, int(state), w.m.limit)
		require.EqualValues(w, mq.dropped, q.Dropped())
		require.Equal(w, q.state.Len()+q.reliable.Len() > 0, w.g.turns.Contains(&q.turn))
		inBlocks += of
		dropped += mq.dropped
		turns += min(1, q.state.Len()+q.reliable.Len())
		if q.inRings > 0 {
			for _, m := range slices.Concat(mq.state, mq.reliable) {
				ringBytes += len(m.Payload)
			}
		}
	}
	require.LessOrEqual(w, inBlocks, w.g.inBlocks)
	require.Equal(w, inBlocks > 0, w.g.blocks.Len() > 0)
	require.Equal(w, ringBytes, w.g.ringBytes)
	require.EqualValues(w, w.g.blocks.Len(), w.g.published.Load())
	require.EqualValues(w, w.g.turns.Len(), w.g.ringed.Load())
	require.Equal(w, turns, w.g.turns.Len())
	require.EqualValues(w, dropped, w.g.Dropped())
	require.Equal(w, len(w.m.retired), w.g.retired.Len())
	require.LessOrEqual(w, w.g.retired.Len(), maxRetired)
	w.g.Publish(false) // as HasRoom may do
	w.m.publish()
	for i, mq := range w.m.queues { // last, because it may move messages
		require.Equal(w, len(mq.reliable)+mq.staged < w.m.limit, w.queues[i].HasRoom())
	}
}

func payloads(list []Message) (n int) {
	for _, m := range list {
		n += len(m.Payload)
	}
	return n
}

// held returns how many messages of each queue are in blocks.
func (w *modelTest) held() map[*Queue[int]]int {
	held := map[*Queue[int]]int{}
	for n := w.g.blocks.Len(); n > 0; n-- {
		b := *w.g.blocks.Pop()
		for _, e := range b.entries[b.next:] {
			if e.queue != nil {
				held[e.queue]++
			}
		}
		*w.g.blocks.Push() = b
	}
	return held
}
