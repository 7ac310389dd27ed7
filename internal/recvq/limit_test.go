package recvq

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// limit is the default of the transport.
const limit = 1024

// A reader that never comes: the newest Realtime and Latest messages up to the
// limit wait, and as many Reliable ones are taken. A gap that closes before the
// last of those releases up to 4,095 more, of 16 bytes. The heap that takes is documented, and
// the ring that grew for them is freed once it is empty.
func TestMemoryAtTheLimit(t *testing.T) {
	const (
		peers, sent = 16, 3 * limit
		held        = 4095
		full, read  = 4_600_000, 2 << 20 // bytes a peer: with all messages, and with none left
	)
	g := NewGroup[int](limit, timeOf)
	payload := make([]byte, 1200)
	before := heapInUse()
	all := make([]*Queue[int], peers)
	for i := range all {
		q := g.NewQueue(i)
		all[i] = q
		taken := 0
		for n := range uint32(sent) {
			q.Push(0, Message{Channel: n, Intent: pipeline.Latest, Payload: payload})
			if q.HasRoom() {
				taken++
				q.Push(0, Message{Channel: n, Intent: pipeline.Reliable, Payload: payload})
			}
		}
		g.Publish(false)
		settle(g)
		require.Equal(t, limit, taken)
		require.Equal(t, limit, q.state.Len())
		require.Equal(t, limit, q.reliable.Len())
		require.EqualValues(t, sent-limit, q.state.Front().Channel, "the newest messages stay")

		for range held {
			q.Push(0, Message{Channel: 0, Intent: pipeline.Reliable, Payload: payload[:16]})
		}
		g.Publish(false)
		require.Equal(t, limit+held, q.reliable.Len())
		require.Equal(t, 8*limit, q.reliable.Cap())
	}
	require.EqualValues(t, peers*(sent-limit), g.Dropped())
	each := (heapInUse() - before) / peers
	t.Logf("%d B a peer", each)
	require.LessOrEqual(t, each, full)
	require.Greater(t, each, full/2)

	for range peers * (2*limit + held) {
		_, _, err := g.Receive(t.Context())
		require.NoError(t, err)
	}
	each = (heapInUse() - before) / peers
	t.Logf("%d B a peer whose messages have been taken", each)
	require.LessOrEqual(t, each, read)
	for _, q := range all {
		require.LessOrEqual(t, q.reliable.Cap(), limit)
	}
	runtime.KeepAlive(all)
}

// settle moves all messages to the rings of their queues.
func settle(g *Group[int]) { g.settle() }

func heapInUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A ring that grew within the limit is kept when it is empty, whatever the limit:
// filling it again allocates nothing.
func TestRingsWithinTheLimitAreKept(t *testing.T) {
	for _, limit := range []int{1, 2, 7, 8, 9, 100, 1000, 1024, 1025} {
		g := NewGroup[int](limit, timeOf)
		q := g.NewQueue(0)
		fill := func() {
			for range limit {
				q.Push(0, Message{Channel: 1, Intent: pipeline.Latest})
				q.Push(0, Message{Channel: 1, Intent: pipeline.Reliable})
			}
			g.Publish(false)
			settle(g)
			for range 2 * limit {
				if _, _, err := g.Receive(context.Background()); err != nil {
					t.Error(err)
				}
			}
		}
		fill() // the first two turns have blocks of their own
		fill()
		require.Zero(t, testing.AllocsPerRun(3, fill), limit)
	}
}

// Of retired queues with messages only the last 64 keep them; the messages of the
// others are counted as dropped, by the queue and by the group. A retired queue
// whose messages are taken makes room for another.
func TestRetiredQueuesAreBounded(t *testing.T) {
	const more, each = 10, 3
	g := NewGroup[int](limit, timeOf)
	stays := g.NewQueue(-1)
	stays.Push(0, Message{Channel: 0, Intent: pipeline.Latest})
	g.Publish(false)
	settle(g)
	queues := make([]*Queue[int], maxRetired+more)
	for i := range queues {
		queues[i] = g.NewQueue(i)
		for n := range uint32(each) {
			queues[i].Push(0, Message{Channel: n, Intent: pipeline.Latest})
		}
		g.Publish(false)
		settle(g)
	}
	queues[1].Retire()
	for range each {
		_, err := queues[1].Receive(t.Context())
		require.NoError(t, err)
	}
	for i, q := range queues {
		if i != 1 {
			q.Retire()
			q.Retire() // changes nothing
		}
		require.LessOrEqual(t, g.retired.Len(), maxRetired)
	}
	require.EqualValues(t, (more-1)*each, g.Dropped())
	for i, q := range queues {
		if i >= more || i == 1 {
			require.Zero(t, q.Dropped(), i)
			continue
		}
		require.EqualValues(t, each, q.Dropped(), i)
		require.Zero(t, q.state.Cap(), i)
		_, err := q.Receive(t.Context())
		require.ErrorIs(t, err, ErrClosed)
	}
	next := func(want int) {
		peer, _, err := g.Receive(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, peer)
	}
	next(-1)
	for range each {
		for i := more; i < len(queues); i++ {
			next(i)
		}
	}
	require.Zero(t, g.turns.Len())
	require.Zero(t, g.retired.Len())
}

// Queues that are read one by one leave nothing in the group when their peers are
// forgotten, whether the last message is taken before or after.
func TestRetiredQueuesAreNotKept(t *testing.T) {
	for _, readFirst := range []bool{true, false} {
		g := NewGroup[int](limit, timeOf)
		stays := g.NewQueue(-1)
		stays.Push(0, Message{Channel: 0, Intent: pipeline.Latest})
		g.Publish(false)
		settle(g)
		for i := range 2 * maxRetired {
			q := g.NewQueue(i)
			q.Push(0, Message{Channel: 1, Intent: pipeline.Latest, Payload: []byte("latest")})
			q.Push(0, Message{Channel: 2, Intent: pipeline.Reliable, Payload: []byte("reliable")})
			g.Publish(false)
			if !readFirst {
				q.Retire()
			}
			for _, want := range []string{"reliable", "latest"} {
				m, err := q.Receive(t.Context())
				require.NoError(t, err)
				require.Equal(t, want, string(m.Payload))
			}
			if readFirst {
				q.Retire()
			}
			require.Equal(t, 1, g.turns.Len())
			require.Same(t, stays, g.turns.Front().Value)
			require.Zero(t, g.retired.Len())
			require.Zero(t, q.state.Cap())
			require.Zero(t, q.reliable.Cap())
		}
		require.Zero(t, g.Dropped())
	}
}

// Large messages are limited in bytes: of Realtime and Latest the newest stay, and Reliable
// ones are refused. A single one of any size is taken, and free slots keep no large
// buffers.
func TestLargeMessagesAreLimitedInBytes(t *testing.T) {
	const size = 64 << 10
	g := NewGroup[int](limit, timeOf)
	q := g.NewQueue(0)
	payload := make([]byte, size)
	taken := 0
	for n := range uint32(200) {
		q.Push(0, Message{Channel: n, Intent: pipeline.Latest, Payload: payload})
		if q.HasRoom() {
			taken++
			q.Push(0, Message{Channel: n, Intent: pipeline.Reliable, Payload: payload})
		}
		g.Publish(false)
		settle(g)
	}
	require.Equal(t, leastBytes/size, taken)
	require.Equal(t, leastBytes/size, q.state.Len())
	require.EqualValues(t, 200-leastBytes/size, q.state.Front().Channel)
	for range 2 * leastBytes / size {
		_, err := q.Receive(t.Context())
		require.NoError(t, err)
	}
	require.True(t, q.HasRoom())
	q.Push(0, Message{Channel: 0, Intent: pipeline.Latest, Payload: make([]byte, 2*leastBytes)})
	g.Publish(false)
	settle(g)
	m, err := q.Receive(t.Context())
	require.NoError(t, err)
	require.Len(t, m.Payload, 2*leastBytes)
	for range q.state.Cap() {
		require.LessOrEqual(t, cap(q.state.Push().Payload), keptPayload)
	}
}
