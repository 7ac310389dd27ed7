package sendq

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/intentra/intentra/pipeline"
	"github.com/stretchr/testify/require"
)

var tight = Limits{StateMessages: 2, StateBytes: 100, ReliableMessages: 2, ReliableBytes: 100}

func TestPushWaitWaitsForRoom(t *testing.T) {
	for _, intent := range []pipeline.Intent{pipeline.Realtime, pipeline.Latest, pipeline.Reliable} {
		p := newPair(t, tight)
		p.setOnline(true)
		for channel := range uint32(3) {
			p.pushWait(p.message(channel, intent, 10))
			p.check()
		}
		require.True(t, p.m.awaited)
		p.take(intent == pipeline.Reliable, 0) // takes nothing
		p.check()
		require.True(t, p.m.awaited)
		p.take(intent == pipeline.Reliable, 1)
		p.check()
		require.False(t, p.m.awaited)
		p.pushWait(p.message(9, intent, 10))
		p.check()
		require.False(t, p.m.awaited)
		require.Zero(t, p.m.flow.Displaced)
	}
}

// Events other than room that wake a waiter.
func TestWaitersWake(t *testing.T) {
	for name, event := range map[string]func(*pair){
		"online":      func(p *pair) { p.setOnline(true) },
		"offline":     func(p *pair) { p.setOnline(false) },
		"not holding": func(p *pair) { p.setHolding(false) },
		"closed":      func(p *pair) { p.close() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, tight)
			p.setHolding(true)
			p.pushWait(p.message(1, pipeline.Realtime, 1))
			require.True(t, p.m.awaited)
			event(p)
			p.check()
			require.False(t, p.m.awaited)
		})
	}
}

// PushWait does not wait for room for a message that exceeds the limit by itself.
func TestPushWaitOfMessageBeyondTheLimit(t *testing.T) {
	q, large := online(tight), make([]byte, 101)
	o, _, room := pushWait(q, 1, pipeline.Reliable, large)
	require.Nil(t, room)
	require.Equal(t, Full, o)
	for range 2 { // the second one supersedes the first
		o, _, room = pushWait(q, 1, pipeline.Latest, large)
		require.Nil(t, room)
		require.Contains(t, []Outcome{Queued, Replaced}, o)
	}
	o, _, room = pushWait(q, 1, pipeline.Realtime, large)
	require.NotNil(t, room)
	require.Equal(t, Full, o)
}

// With many waiting goroutines and one that takes, no message is lost, rejected or
// displaced, and the messages of each goroutine arrive in order.
func TestConcurrentPushWait(t *testing.T) {
	const pushers, each = 8, 500
	for _, intent := range []pipeline.Intent{pipeline.Realtime, pipeline.Reliable} {
		q := online(tight)
		var pushing sync.WaitGroup
		for g := range uint32(pushers) {
			pushing.Add(1)
			go func() {
				defer pushing.Done()
				for i := range uint64(each) {
					for {
						o, _, room := pushWait(q, g, intent, binary.BigEndian.AppendUint64(nil, i))
						if room == nil {
							if o != Queued {
								t.Errorf("outcome %d", o)
							}
							break
						}
						<-room
					}
				}
			}()
		}
		done := make(chan struct{})
		go func() { pushing.Wait(); close(done) }()

		var next [pushers]uint64
		inOrder := func(channel uint32, _ pipeline.Intent, payload []byte) bool {
			if binary.BigEndian.Uint64(payload) != next[channel] {
				t.Errorf("goroutine %d out of order", channel)
			}
			next[channel]++
			return true
		}
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			take(q, intent == pipeline.Reliable, inOrder)
		}
		for g := range next {
			require.EqualValues(t, each, next[g])
		}
		_, displaced := q.Drops()
		require.Zero(t, displaced)
	}
}

// With concurrent pushes, a taker, and a peer that connects and disconnects, each
// message is taken, rejected, superseded, displaced or dropped, exactly once.
func TestConcurrentConservation(t *testing.T) {
	const pushers, each = 4, 2000
	q := New(Limits{StateMessages: 16, StateBytes: 1000, ReliableMessages: 16, ReliableBytes: 1000}, nil)
	var pushing sync.WaitGroup
	var refused [pushers]int
	for g := range pushers {
		pushing.Add(1)
		go func() {
			defer pushing.Done()
			payload := make([]byte, 60)
			for i := range each {
				o, _ := push(q, uint32(i%7), 1+pipeline.Intent(i%3), payload[:i%60])
				if o == Full || o == Offline {
					refused[g]++
				}
			}
		}()
	}
	done := make(chan struct{})
	go func() { pushing.Wait(); close(done) }()

	got := 0
	count := func(uint32, pipeline.Intent, []byte) bool { got++; return true }
	for i, running := 0, true; running; i++ {
		select {
		case <-done:
			running = false
		default:
		}
		take(q, i%2 == 0, count)
		if i%3 == 0 {
			q.SetHolding(i%2 == 0)
			got += q.SetOnline(i%5 != 0)
		}
	}
	got += q.Close()
	for _, n := range refused {
		got += n
	}
	superseded, displaced := q.Drops()
	require.Equal(t, pushers*each, got+int(superseded+displaced))
}
