package dispatch

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

// model remembers every channel.
type model map[uint32]uint64

func (m model) accept(channel uint32, order uint64) bool {
	if newest, ok := m[channel]; ok && order < newest {
		return false
	}
	m[channel] = order
	return true
}

// pair offers the same messages to a Newest and to its model.
type pair struct {
	t        testing.TB
	n        Newest
	m        model
	channels map[uint32]bool // that have been offered
	limit    int
}

func newPair(t testing.TB, limit int) *pair {
	return &pair{t: t, n: NewNewest(limit), m: model{}, channels: map[uint32]bool{}, limit: limit}
}

// offer compares both: up to the limit Newest agrees with the model; beyond, it may
// refuse more, but never accepts what the model refuses.
func (p *pair) offer(channel uint32, order uint64) bool {
	p.channels[channel] = true
	newest, known := p.m[channel]
	got := p.n.Accept(channel, order)
	switch {
	case got:
		require.True(p.t, p.m.accept(channel, order), "channel %d went back from %d to %d", channel, newest, order)
	case len(p.channels) <= p.limit:
		require.True(p.t, known && order < newest, "channel %d: %d refused", channel, order)
	}
	return got
}

// check walks the ring in both directions and counts the nodes.
func (p *pair) check() {
	if p.n.index == nil {
		return
	}
	require.LessOrEqual(p.t, len(p.n.index), p.limit)
	require.LessOrEqual(p.t, len(p.n.nodes), p.limit+1)
	require.Len(p.t, p.n.nodes, len(p.n.index)+1)
	count := 0
	for i := p.n.nodes[0].next; i != 0; i = p.n.nodes[i].next {
		node := p.n.nodes[i]
		require.Equal(p.t, i, p.n.index[node.channel])
		require.Equal(p.t, i, p.n.nodes[node.prev].next)
		require.Equal(p.t, p.m[node.channel], node.order)
		count++
		require.LessOrEqual(p.t, count, p.limit)
	}
	require.Equal(p.t, len(p.n.index), count)
}

func TestNewestAgainstMap(t *testing.T) {
	r := seed.Rand(t)
	for _, limit := range []int{1, 2, 3, 16, 100} {
		for _, channels := range []uint32{uint32(limit), uint32(limit) + 1, 4 * uint32(limit)} {
			p := newPair(t, limit)
			order := uint64(0)
			for range 2000 {
				order += r.Uint64N(3)
				p.offer(r.Uint32N(channels), order-min(order, r.Uint64N(20)))
				if r.IntN(16) == 0 {
					p.check()
				}
			}
		}
	}
}

// AcceptOnce never accepts an order twice on a channel, nor order zero, which is that of
// no message in fragments.
func TestAcceptOnceAgainstMap(t *testing.T) {
	r := seed.Rand(t)
	for range 200 {
		n, m := NewNewest(16), model{}
		for range 50 {
			channel, order := r.Uint32N(16), r.Uint64N(20)
			if r.IntN(2) == 0 {
				require.Equal(t, m.accept(channel, order), n.Accept(channel, order))
				continue
			}
			want := order > m[channel] // zero without a message
			if want {
				m[channel] = order
			}
			require.Equal(t, want, n.AcceptOnce(channel, order), "channel %d, order %d", channel, order)
		}
	}
}

// Messages in order are never refused, even at the limit.
func TestNewestAcceptsMessagesInOrder(t *testing.T) {
	r := seed.Rand(t)
	p := newPair(t, 8)
	for order := range uint64(5000) {
		require.True(t, p.offer(r.Uint32N(100), order/3))
	}
	p.check()
}

func TestNewestEvictsTheLeastRecentlyUpdated(t *testing.T) {
	n := NewNewest(2)
	require.True(t, n.Accept(1, 10))
	require.True(t, n.Accept(2, 20))
	require.True(t, n.Accept(1, 30))
	require.True(t, n.Accept(3, 40)) // forgets channel 2, and the floor is 20
	require.Contains(t, n.index, uint32(1), "not the one that was first")
	require.True(t, n.Accept(1, 35))
	require.False(t, n.Accept(3, 39))
	require.False(t, n.Accept(2, 19), "below the floor")
	require.False(t, n.Accept(9, 19), "an unknown channel too: the price")
	require.True(t, n.Accept(2, 20), "at the floor: of the same packet")
}

func TestNewestAtTheEndsOfItsRange(t *testing.T) {
	n := NewNewest(-5)
	require.True(t, n.Accept(0, 0))
	require.True(t, n.Accept(0, math.MaxUint64))
	require.False(t, n.Accept(0, math.MaxUint64-1))
	require.True(t, n.Accept(math.MaxUint32, math.MaxUint64))
	require.False(t, n.Accept(5, math.MaxUint64-1))

	var zero Newest
	for channel := range uint32(2 * DefaultChannels) {
		require.True(t, zero.Accept(channel, 1))
	}
	require.Len(t, zero.index, DefaultChannels)
}

// A peer that uses all channels fills the table, which does not grow beyond its limit.
func TestNewestAtItsLimitDoesNotAllocate(t *testing.T) {
	n := NewNewest(DefaultChannels)
	channel, order := uint32(0), uint64(0)
	step := func() {
		channel += 2654435761 // visits all 2^32
		order++
		n.Accept(channel, order)
		n.Accept(channel, order-1)
	}
	for range 20 * DefaultChannels {
		step()
	}
	require.Zero(t, testing.AllocsPerRun(10_000, step))
	require.Len(t, n.nodes, DefaultChannels+1)
	require.LessOrEqual(t, cap(n.nodes), 2*DefaultChannels)
}
