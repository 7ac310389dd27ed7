package sendq

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

var lots = Limits{StateMessages: 1024, StateBytes: 256 << 10, ReliableMessages: 1024, ReliableBytes: 1 << 20}

// sharing returns n queues of connected peers that share a budget.
func sharing(n, limit int) (b *Budget, queues []*Queue) {
	b = NewBudget(limit)
	for range n {
		q := New(lots, nil)
		q.Share(b)
		q.SetOnline(true)
		queues = append(queues, q)
	}
	return b, queues
}

// Queues that are never emptied need at most the limit together, whatever is pushed, and
// closed ones need nothing.
func TestBudgetAtTheCap(t *testing.T) {
	const limit = 1 << 20
	r := seed.Rand(t)
	b, queues := sharing(20, limit)
	var full, most int
	for i := range 20_000 {
		q := queues[r.IntN(len(queues))]
		intent := pipeline.Realtime + pipeline.Intent(r.IntN(3))
		payload := make([]byte, r.IntN(1200))
		var o Outcome
		if i%5 == 0 {
			p := NewPayload(payload, 2)
			if o, _ = q.PushShared(&Message{Channel: uint32(i % 700), Intent: intent}, p); o == Full {
				p.Release(1)
			}
			p.Release(1)
		} else {
			o, _ = q.Push(&Message{Channel: uint32(i % 700), Intent: intent, Payload: payload})
		}
		if o == Full {
			full++
		}
		most = max(most, b.Used())
		require.LessOrEqual(t, b.Used(), limit)
	}
	require.Greater(t, full, 1000)
	require.Greater(t, most, limit*3/4, "the limit is made use of")
	sum := 0
	for _, q := range queues {
		require.EqualValues(t, memoryOf(q), q.charged)
		sum += int(q.charged)
		f, waiting := q.Flow()
		require.Equal(t, f.Pushed, uint64(waiting)+f.Superseded+f.Displaced)
	}
	require.Greater(t, b.Used(), sum, "shared payloads count")

	// One more finds room. In 3,000 runs 20 KiB were left at least, when the others had 48:
	// a buffer that has just grown leaves as much as it was before.
	q := New(lots, nil)
	q.Share(b)
	q.SetOnline(true)
	for range 5 {
		o, _ := q.Push(&Message{Channel: 1, Intent: pipeline.Reliable, Payload: make([]byte, 1000)})
		require.Equal(t, Queued, o)
	}
	for i, q := range append(queues, q) {
		if i%2 == 0 {
			q.Close()
		} else {
			q.SetOnline(false)
		}
	}
	require.Zero(t, b.Used())
}

// Of a large queue and a small one the large one is held back.
func TestTheLargestQueueIsHeldBackFirst(t *testing.T) {
	for _, intent := range []pipeline.Intent{pipeline.Realtime, pipeline.Latest, pipeline.Reliable} {
		t.Run(fmt.Sprint(intent), func(t *testing.T) {
			b, queues := sharing(2, 256<<10)
			large, small := queues[0], queues[1]
			held := 0
			for i := range uint32(2000) {
				if o, _ := large.Push(&Message{Channel: i, Intent: intent, Payload: make([]byte, 400)}); o != Queued {
					held++
				}
			}
			require.Positive(t, held)
			require.LessOrEqual(t, memoryOf(large), 128<<10)
			require.GreaterOrEqual(t, b.limit-int64(b.Used()), int64(memoryOf(large)))
			state, reliable := large.Len()
			require.Greater(t, state+reliable, 100)
			for i := range uint32(50) {
				o, _ := small.Push(&Message{Channel: i, Intent: intent, Payload: make([]byte, 400)})
				require.Equal(t, Queued, o)
			}
		})
	}
}

// A payload that many queues share counts once, until the last one lets go of it.
func TestSharedPayloadsCountOnce(t *testing.T) {
	b, queues := sharing(10, 1<<20)
	p := NewPayload(make([]byte, 100_000), len(queues)+1)
	for _, q := range queues {
		o, _ := q.PushShared(&Message{Channel: 1, Intent: pipeline.Reliable}, p)
		require.Equal(t, Queued, o)
	}
	p.Release(1)
	require.InDelta(t, 100_000, b.Used(), 10_000)
	for _, q := range queues {
		require.GreaterOrEqual(t, b.Used(), 100_000)
		q.Take(true, pipeline.Normal, 0, func(*Item, []byte) bool { return true })
	}
	require.Less(t, b.Used(), 10_000)
}

// A caller of PushWait waits for the messages before its own, if memory is scarce.
func TestPushWaitWaitsForMemory(t *testing.T) {
	for _, intent := range []pipeline.Intent{pipeline.Realtime, pipeline.Reliable} {
		_, queues := sharing(1, 16<<10)
		q := queues[0]
		for i := 0; ; i++ {
			require.Less(t, i, 100)
			if _, _, room := q.PushWait(&Message{Channel: 1, Intent: intent, Payload: make([]byte, 500)}); room != nil {
				break
			}
		}
		f, waiting := q.Flow()
		require.EqualValues(t, waiting, f.Pushed, "nothing was dropped")
	}
}

// Messages that the budget makes a queue drop are reported, so that a queue without a
// budget can follow.
func TestDisplacedIsReported(t *testing.T) {
	_, queues := sharing(1, 16<<10)
	q, w := queues[0], new(follower)
	w.copy = New(lots, nil)
	w.copy.SetOnline(true)
	q.Watch(w, 1)
	for i := range uint32(200) {
		q.Push(&Message{Channel: i, Intent: pipeline.Realtime, Payload: make([]byte, 300)})
	}
	require.Positive(t, w.displaced)
	want, _ := q.Len()
	got, _ := w.copy.Len()
	require.Equal(t, want, got)
	a, _ := q.Flow()
	c, _ := w.copy.Flow()
	require.Equal(t, a, c)
}

// follower repeats what happens to a queue in a copy.
type follower struct {
	copy      *Queue
	displaced int
}

func (f *follower) Step(*Queue, uint64, uint64) {}

func (f *follower) Pushed(_, _ uint64, m Message) {
	f.copy.Push(&m)
}

func (f *follower) Displaced(_, _ uint64, count int) {
	f.displaced += count
	f.copy.Displace(count)
}

// A push that finds room in the buffers allocates nothing.
func TestBudgetAllocatesNothing(t *testing.T) {
	_, queues := sharing(1, 1<<20)
	q, payload := queues[0], make([]byte, 100)
	cycle := func() {
		for range 100 {
			q.Push(&Message{Channel: 1, Intent: pipeline.Realtime, Payload: payload})
		}
		q.Take(false, pipeline.Normal, 0, func(*Item, []byte) bool { return true })
	}
	cycle()
	require.Zero(t, testing.AllocsPerRun(100, cycle))
}

func memoryOf(q *Queue) int {
	memory, _ := q.sizes()
	return memory
}

// buffersOf returns the size of the buffers of q, and of the queued payloads that are
// shared, from the fields of its fifos.
func buffersOf(q *Queue) (memory, shared int) {
	for _, reliable := range []bool{false, true} {
		for p := pipeline.Low; p <= pipeline.Urgent; p++ {
			f := *q.fifo(reliable, p)
			memory += itemSize*cap(f.items) + cap(f.data)
			for _, it := range f.items[f.head:] {
				if it.shared != nil {
					shared += it.size()
				}
			}
		}
	}
	return memory, shared
}

// A queue becomes larger exactly if what it has, with what the message needs, is no more
// than what is left for all. The forecast is too low by little more than an eighth, and too
// high by not much more than the size of the queue.
func TestBudgetForeseesGrowth(t *testing.T) {
	r := seed.Rand(t)
	grown, refused := 0, 0
	for range rounds(30) {
		b, queues := sharing(3, 20_000+r.IntN(80_000))
		for range 1000 {
			q := queues[r.IntN(len(queues))]
			m := &Message{Channel: r.Uint32N(8), Intent: pipeline.Reliable, Payload: make([]byte, r.IntN([]int{1, 100, 256, 2000}[r.IntN(4)]+1))}
			if r.IntN(8) == 0 {
				m.Priority = pipeline.Low + pipeline.Priority(r.IntN(pipeline.Priorities))
			}
			n, isShared := len(m.Payload), r.IntN(4) == 0
			memory, shared := buffersOf(q)
			gotMemory, gotShared := q.sizes()
			require.Equal(t, [2]int{memory, shared}, [2]int{gotMemory, gotShared})
			need := (*q.fifo(true, q.priorityOf(m))).growth(itemSize, n, isShared)
			want := !q.full(pipeline.Reliable, n) && (need == 0 || memory+shared+need <= int(b.limit)-b.Used())

			var o Outcome
			if isShared {
				p := NewPayload(m.Payload, 2)
				if o, _ = q.PushShared(m, p); o != Queued {
					p.Release(1)
				}
				p.Release(1)
			} else {
				o, _ = q.Push(m)
			}
			require.Equal(t, want, o == Queued)
			after, sharedAfter := buffersOf(q)
			growth := after + sharedAfter - memory - shared
			switch {
			case !want:
				require.Zero(t, growth)
				refused++
			case growth == 0:
				require.True(t, need == 0 || n == 0 && isShared, "foreseen %d", need)
			default:
				require.LessOrEqual(t, growth, need+need/8+64)
				require.LessOrEqual(t, need, (memory+firstItems*itemSize+firstData+n)*9/8)
				grown++
			}
			if r.IntN(3) == 0 {
				left := r.IntN(100)
				q.Take(true, pipeline.Normal, 0, func(*Item, []byte) bool { left--; return left >= 0 })
			}
			if r.IntN(50) == 0 {
				q.Trim()
			}
		}
	}
	require.Greater(t, grown, 100)
	require.Greater(t, refused, 100)
}

// The forecast is zero exactly if the buffers do not grow, for any part of them that is
// garbage or unused.
func TestGrowthIsForeseenExactly(t *testing.T) {
	for _, total := range []int{1, 31, 32, 33, 34, 63, 64, 65, 66, 90} {
		for gone := range total {
			f := fifo{items: make([]Item, 0, total)}
			for range total {
				f.push(1, pipeline.Realtime, pipeline.Normal, nil, nil)
			}
			for range gone {
				f.pop()
			}
			foreseen := f.growth(itemSize, 0, false)
			f.push(1, pipeline.Realtime, pipeline.Normal, nil, nil)
			require.Equal(t, foreseen > 0, cap(f.items) > total, "%d of %d gone", gone, total)
		}
	}
	for gone := range 16 {
		for n := range 140 {
			f := fifo{items: make([]Item, 0, 64), data: make([]byte, 0, 128)}
			for range 16 {
				f.push(1, pipeline.Realtime, pipeline.Normal, make([]byte, 8), nil)
			}
			for range gone {
				f.pop()
			}
			foreseen := f.growth(itemSize, n, false)
			f.push(1, pipeline.Realtime, pipeline.Normal, make([]byte, n), nil)
			require.Equal(t, foreseen > 0, cap(f.data) > 128, "%d of 16 gone, %d bytes", gone, n)
		}
	}
}

// A queue begins with room for some messages of priority Normal, which are most, and with
// none for others. The first buffers are foreseen as they are.
func TestFirstBuffers(t *testing.T) {
	for p := pipeline.Low; p <= pipeline.Urgent; p++ {
		f := newFifo(p)
		require.Equal(t, p == pipeline.Normal, f.vacant(firstData, false))
		require.False(t, f.vacant(firstData+1, false))
		require.Equal(t, p != pipeline.Normal, f.memory(itemSize) == 0)
	}
	empty := none.growth(itemSize, 0, false)
	require.GreaterOrEqual(t, empty, newFifo(pipeline.Normal).memory(itemSize))
	require.Equal(t, empty, none.growth(itemSize, firstData, false))
	require.Greater(t, none.growth(itemSize, firstData+1, false), empty)
}

// A shared payload is charged if a queue takes it, whether or not that displaces another,
// and not if the queue is full.
func TestSharedPayloadsAreChargedIfTaken(t *testing.T) {
	b := NewBudget(1 << 20)
	q := New(Limits{StateMessages: 1, StateBytes: 1 << 20, ReliableMessages: 1, ReliableBytes: 1 << 20}, nil)
	q.Share(b)
	q.SetOnline(true)
	for _, c := range []struct {
		intent pipeline.Intent
		want   Outcome
	}{
		{pipeline.Realtime, Queued}, {pipeline.Realtime, Replaced}, {pipeline.Latest, Replaced}, {pipeline.Latest, Replaced},
		{pipeline.Reliable, Queued}, {pipeline.Reliable, Full},
	} {
		p := NewPayload(make([]byte, 1000), 1)
		before := b.Used()
		o, _ := q.PushShared(&Message{Channel: 1, Intent: c.intent}, p)
		require.Equal(t, c.want, o)
		switch o {
		case Queued:
			require.GreaterOrEqual(t, b.Used(), before+1000)
		case Replaced:
			require.Equal(t, before, b.Used(), "that of the older one is returned")
		case Full:
			require.Equal(t, before, b.Used())
			require.Nil(t, p.payer.Load())
		}
	}
}

func TestReady(t *testing.T) {
	require.True(t, New(lots, nil).Ready())
	require.False(t, new(Queue).Ready())
}

// A message of another priority that is refused does not leave the queue ranked.
func TestRefusedMessageDoesNotRank(t *testing.T) {
	for _, intent := range []pipeline.Intent{pipeline.Realtime, pipeline.Reliable} {
		_, queues := sharing(1, 10)
		o, _ := queues[0].Push(&Message{Channel: 1, Intent: intent, Priority: pipeline.Urgent, Payload: []byte("x")})
		require.Equal(t, Full, o)
		_, _, ranked := queues[0].Waiting()
		require.False(t, ranked)
	}
}
