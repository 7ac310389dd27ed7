package sendq

import (
	"testing"

	"github.com/intentra/intentra/pipeline"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

var roomy = Limits{StateMessages: 1024, StateBytes: 256 << 10, ReliableMessages: 1024, ReliableBytes: 1 << 20}

func online(l Limits) *Queue {
	q := New(l, nil)
	q.SetOnline(true)
	return q
}

func TestQueueAgainstSlices(t *testing.T) {
	r := seed.Rand(t)
	for range rounds(100) {
		messages := 1 + r.IntN(60)
		if r.IntN(2) == 0 {
			messages = allShares * (1 + r.IntN(2)) // a priority may hold just its share
		}
		p := newPair(t, Limits{
			StateMessages: messages, StateBytes: 1 + r.IntN(5000),
			ReliableMessages: 1 + r.IntN(60), ReliableBytes: 1 + r.IntN(5000),
		})
		p.setOnline(true)
		ops := []uint32{255, 127}[r.IntN(2)] // with or without priorities and Marks
		for range 400 {
			p.step(byte(r.Uint32()&ops), byte(r.Uint32()), byte(r.Uint32()))
			p.check()
		}
	}
}

func TestLatestKeepsThePlaceOfItsPredecessor(t *testing.T) {
	for _, size := range []int{0, 1, 4, 5, 100} {
		p := newPair(t, roomy)
		p.setOnline(true)
		for channel := range uint32(3) {
			p.push(p.message(channel, pipeline.Latest, 4))
		}
		p.push(p.message(1, pipeline.Realtime, 4))
		p.push(p.message(1, pipeline.Latest, size))
		p.check()
		require.EqualValues(t, 1, p.m.flow.Superseded)

		var order []uint32
		take(p.q, false, func(channel uint32, intent pipeline.Intent, payload []byte) bool {
			if channel == 1 && intent == pipeline.Latest {
				require.Len(t, payload, size)
			}
			order = append(order, channel)
			return true
		})
		require.Equal(t, []uint32{0, 1, 2, 1}, order, "payload of %d bytes", size)
	}
}

// Superseded payloads of different sizes do not accumulate, even after a message that
// is never taken.
func TestSupersedingTakesNoMemory(t *testing.T) {
	q := online(roomy)
	push(q, 1, pipeline.Latest, []byte("first"))
	payload := make([]byte, 1000)
	for i := range 100_000 {
		push(q, 2, pipeline.Latest, payload[:1+i%len(payload)])
	}
	require.Less(t, cap(q.state.data), 8*len(payload))
	require.Less(t, cap(q.state.items), 100)
	superseded, displaced := q.Drops()
	require.EqualValues(t, 99_999, superseded)
	require.Zero(t, displaced)
}

// Threat 15: the memory of a queue at its limits, drained and refilled in any
// pattern, is within a small multiple of the limits.
func TestMemoryAtTheLimits(t *testing.T) {
	r := seed.Rand(t)
	l := Limits{StateMessages: 100, StateBytes: 20_000, ReliableMessages: 100, ReliableBytes: 20_000}
	q := online(l)
	payload := make([]byte, 1000)
	for range rounds(50_000) {
		intent := 1 + pipeline.Intent(r.IntN(3))
		push(q, r.Uint32N(200), intent, payload[:r.IntN(len(payload))])
		if r.IntN(2) == 0 {
			left := r.IntN(3)
			take(q, r.IntN(2) == 0, func(uint32, pipeline.Intent, []byte) bool { left--; return left >= 0 })
		}
		for _, f := range []*fifo{q.state, q.reliable} {
			require.LessOrEqual(t, f.bytes, 20_000)
			require.LessOrEqual(t, f.len(), 100)
			require.LessOrEqual(t, cap(f.data), 3*20_000)
			require.LessOrEqual(t, cap(f.items), 3*100+32)
		}
		require.LessOrEqual(t, len(q.latest), 100)
	}
}

// The second Trim of an empty queue frees the memory of a burst. A queue in use keeps
// its buffers.
func TestMemoryIsReleasedAfterABurst(t *testing.T) {
	q := online(roomy)
	all := func(uint32, pipeline.Intent, []byte) bool { return true }
	for _, size := range []int{0, 200} {
		for channel := range uint32(1000) {
			push(q, channel, pipeline.Latest, make([]byte, size))
			push(q, channel, pipeline.Reliable, make([]byte, size))
		}
		q.Trim()
		take(q, false, all)
		take(q, true, all)
		push(q, 1, pipeline.Latest, nil)
		take(q, false, all)
		q.Trim()
		require.NotZero(t, cap(q.state.items), "in use since the last Trim")
		q.Trim()
		require.Zero(t, cap(q.state.data)+cap(q.state.items)+cap(q.reliable.data)+cap(q.reliable.items))
		require.Nil(t, q.latest)
	}
	for _, end := range []func(){func() { q.SetOnline(false) }, func() { q.Close() }} {
		push(q, 1, pipeline.Latest, make([]byte, 100_000))
		push(q, 1, pipeline.Reliable, make([]byte, 100_000))
		end()
		require.Zero(t, cap(q.state.data)+cap(q.reliable.data))
		q.SetOnline(true)
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	q := online(roomy)
	payload := make([]byte, 128)
	taken := 0
	all := func(uint32, pipeline.Intent, []byte) bool { taken++; return true }
	half := func(uint32, pipeline.Intent, []byte) bool { taken++; return taken%8 != 0 }
	for name, some := range map[string]func(uint32, pipeline.Intent, []byte) bool{"drained": all, "never empty": half} {
		require.Zero(t, testing.AllocsPerRun(2000, func() {
			for channel := range uint32(4) {
				push(q, channel, pipeline.Realtime, payload)
				push(q, channel, pipeline.Latest, payload[:100+taken%28])
				push(q, channel, pipeline.Reliable, payload)
			}
			q.Waiting()
			take(q, false, some)
			take(q, true, some)
		}), name)
	}
	burst := func() {
		for range 1000 {
			push(q, 1, pipeline.Realtime, payload)
		}
		take(q, false, all)
	}
	require.Zero(t, testing.AllocsPerRun(20, burst), "bursts")
	require.NotZero(t, taken)
}

func TestOffline(t *testing.T) {
	for _, holding := range []bool{false, true} {
		p := newPair(t, roomy)
		p.setHolding(holding)
		for intent := pipeline.Realtime; intent <= pipeline.Reliable; intent++ {
			p.push(p.message(1, intent, 10))
		}
		p.setOnline(true)
		for intent := pipeline.Realtime; intent <= pipeline.Reliable; intent++ {
			p.push(p.message(2, intent, 10))
		}
		p.setOnline(false)
		want := 0
		if holding {
			want = 4 // Latest and Reliable, from before and after
		}
		state, reliable := p.q.Peek()
		require.Equal(t, want, state+reliable)
		p.check()
	}
}

// The queue keeps positions of Latest messages only.
func TestOfflineKeepsPositionsOfLatestOnly(t *testing.T) {
	q := online(roomy)
	q.SetHolding(true)
	push(q, 1, pipeline.Reliable+1, []byte("x"))
	require.NotPanics(t, func() { q.SetOnline(false) })
	require.Empty(t, q.latest)
	push(q, 2, pipeline.Latest, []byte("y"))
	require.Len(t, q.latest, 1)
}

func TestPushWakesOnceUntilWaiting(t *testing.T) {
	q := online(roomy)
	for range 3 {
		_, wake := push(q, 1, pipeline.Realtime, nil)
		require.True(t, wake)
		_, wake = push(q, 1, pipeline.Reliable, nil)
		require.False(t, wake)
		q.Peek()
		_, wake = push(q, 1, pipeline.Latest, nil)
		require.False(t, wake)
		q.Waiting()
	}
}

func TestRestorePrependsAndIgnoresLimits(t *testing.T) {
	p := newPair(t, Limits{StateMessages: 1, StateBytes: 10, ReliableMessages: 2, ReliableBytes: 20})
	p.setOnline(true)
	old := []message{p.message(1, pipeline.Reliable, 9), p.message(2, pipeline.Reliable, 9), p.message(3, pipeline.Reliable, 9)}
	p.push(p.message(4, pipeline.Reliable, 5))
	p.restore(old)
	p.restore(nil)
	p.push(p.message(5, pipeline.Reliable, 1)) // Full
	p.check()
	p.take(true, 10)
	p.check()

	p.close()
	p.restore(old)
	p.push(old[0])
	p.check()
}

// A channel whose messages were pushed to an empty queue with different priorities has
// them in flight with these, and keeps its order when they return.
func TestRestoreKeepsTheOrderOfAChannelOfSeveralPriorities(t *testing.T) {
	p := newPair(t, Limits{StateMessages: 1, StateBytes: 10, ReliableMessages: 10, ReliableBytes: 100})
	p.setOnline(true)
	var old []message
	for _, priority := range []pipeline.Priority{pipeline.Normal, pipeline.Urgent, pipeline.Normal, pipeline.Low} {
		m := p.message(1, pipeline.Reliable, 4)
		m.priority = priority
		old = append(old, m)
	}
	p.restore(old)
	p.check()
	later := p.message(1, pipeline.Reliable, 4)
	later.priority = pipeline.High
	p.push(later)
	p.check()
	p.takeOf(true, pipeline.Urgent, 10)
	p.takeOf(true, pipeline.Normal, 10)
	p.check()
	require.False(t, p.q.ranked())
}

// Messages that were taken and are not sent yet count towards the limits, until the loop
// says that they are fewer, which wakes waiters.
func TestLentMessagesCount(t *testing.T) {
	for _, c := range []struct {
		queued, messages, bytes int
		full                    bool
	}{
		{0, 0, 0, false}, {0, 2, 0, false}, {0, 3, 0, true}, {1, 1, 0, false}, {1, 2, 0, true}, {2, 1, 0, true},
		{0, 1, 90, false}, {0, 1, 91, true}, {1, 1, 80, false}, {1, 1, 81, true}, {0, 0, 91, true},
	} {
		q := online(Limits{StateMessages: 1, StateBytes: 1, ReliableMessages: 3, ReliableBytes: 100})
		for range c.queued {
			push(q, 1, pipeline.Reliable, make([]byte, 10))
		}
		q.Lend(c.messages, c.bytes)
		if c.full && c.queued+c.messages > 0 { // else it may never fit
			_, _, room := pushWait(q, 1, pipeline.Reliable, make([]byte, 10))
			require.NotNil(t, room, "%+v", c)
			q.Lend(c.messages, c.bytes)
			<-room
		}
		o, _ := push(q, 1, pipeline.Reliable, make([]byte, 10))
		require.Equal(t, c.full, o == Full, "%+v", c)
		q.Lend(0, 0)
		o, _ = push(q, 1, pipeline.Reliable, nil)
		require.Equal(t, Queued, o)
	}
}

// A message of another priority is not taken for a plain one, even if it is the first and
// the buffers have room for it.
func TestFirstMessageOfAnotherPriority(t *testing.T) {
	for priority := pipeline.Low; priority <= pipeline.Urgent; priority++ {
		p := newPair(t, roomy)
		p.setOnline(true)
		p.push(p.message(1, pipeline.Realtime, 4))
		m := p.message(2, pipeline.Realtime, 4)
		m.priority = priority
		p.push(m)
		p.check()
		p.takeOf(false, priority, 10)
		p.takeOf(false, pipeline.Normal, 10)
		p.check()
	}
}

func BenchmarkPushTake(b *testing.B) {
	b.ReportAllocs()
	q, payload := online(roomy), make([]byte, 128)
	all := func(uint32, pipeline.Intent, []byte) bool { return true }
	for i := 0; b.Loop(); i++ {
		push(q, uint32(i%16), pipeline.Latest, payload)
		if i%9 == 8 {
			take(q, false, all)
		}
	}
}

// BenchmarkPushMany is one message for each of many queues, so that their memory is
// in no near cache, and then the same again until each has eight, which are taken.
func BenchmarkPushMany(b *testing.B) {
	b.ReportAllocs()
	const queues, depth = 2000, 8
	payload := make([]byte, 128)
	many := make([]*Queue, queues)
	for i := range many {
		many[i] = online(roomy)
	}
	all := func(uint32, pipeline.Intent, []byte) bool { return true }
	for i := 0; b.Loop(); i++ {
		push(many[i%queues], 1, pipeline.Realtime, payload)
		if i%(queues*depth) == queues*depth-1 {
			for _, q := range many {
				take(q, false, all)
			}
		}
	}
}
