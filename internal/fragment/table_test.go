package fragment

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

var roomy = Limits{HolderBytes: 1 << 20, TotalBytes: 4 << 20, HolderMessages: 8}

// piece returns fragment i of a message, in fragments of chunk bytes.
func piece(intent pipeline.Intent, channel uint32, order uint64, payload []byte, chunk, i int) Piece {
	c := NewCut(len(payload), chunk)
	at, n := c.At(i)
	return Piece{Intent: intent, Channel: channel, Order: order, Size: len(payload), Offset: at, Data: payload[at : at+n]}
}

// content returns n bytes that differ from those of another seed everywhere.
func content(seed byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i%7)*31
	}
	return b
}

// Fragments in any order, some of them twice and with another division, complete a
// message once.
func TestStateInAnyOrder(t *testing.T) {
	tab, h := New(roomy), &Holder{}
	want := content(1, 1000)
	for _, i := range []int{3, 1, 1, 0} {
		_, r := tab.Add(h, piece(pipeline.Latest, 7, 5, want, 192, i), 0)
		require.Contains(t, []Result{Stored, Duplicate}, r)
	}
	again := piece(pipeline.Latest, 7, 5, want, 128, 1) // of which half has not arrived yet
	got, r := tab.Add(h, again, 0)
	require.Equal(t, Duplicate, r, "128 to 256 has arrived")
	require.Nil(t, got)
	_, r = tab.Add(h, piece(pipeline.Latest, 7, 5, want, 192, 2), 0)
	require.Equal(t, Stored, r)
	_, r = tab.Add(h, piece(pipeline.Latest, 7, 5, want, 192, 5), 0)
	require.Equal(t, Stored, r)
	got, r = tab.Add(h, piece(pipeline.Latest, 7, 5, want, 320, 2), 0) // 640 to 960
	require.Equal(t, Complete, r)
	require.Equal(t, want, got)
	require.Zero(t, tab.Bytes())
	_, r = tab.Add(h, again, 0)
	require.Equal(t, Duplicate, r, "it is remembered")
	require.Zero(t, tab.Bytes())
	_, r = tab.Add(h, piece(pipeline.Latest, 7, 4, want, 192, 0), 0)
	require.Equal(t, Superseded, r)
}

// A Latest message that has begun drops the older one, which is not begun again.
func TestNewerLatestSupersedes(t *testing.T) {
	tab, h := New(roomy), &Holder{}
	old, newer := content(1, 600), content(9, 600)
	tab.Add(h, piece(pipeline.Latest, 7, 5, old, 320, 0), 0)
	tab.Add(h, piece(pipeline.Latest, 7, 6, newer, 320, 0), 0)
	_, r := tab.Add(h, piece(pipeline.Latest, 7, 5, old, 320, 1), 0)
	require.Equal(t, Superseded, r)
	tab.Overtake(h, 7, 5)
	got, r := tab.Add(h, piece(pipeline.Latest, 7, 6, newer, 320, 1), 0)
	require.Equal(t, Complete, r)
	require.Equal(t, newer, got)
	require.Equal(t, Losses{Superseded: 1}, tab.TakeLosses())

	tab.Add(h, piece(pipeline.Latest, 7, 8, old, 320, 0), 0)
	tab.Overtake(h, 8, 9)
	require.NotZero(t, tab.Bytes(), "another channel")
	tab.Overtake(h, 7, 9)
	require.Zero(t, tab.Bytes())
	require.Equal(t, Losses{Superseded: 1}, tab.TakeLosses())
	require.Zero(t, tab.TakeLosses())
}

// Realtime messages of a channel are put together side by side.
func TestRealtimeMessagesAreIndependent(t *testing.T) {
	tab, h := New(roomy), &Holder{}
	a, b := content(1, 600), content(9, 600)
	tab.Add(h, piece(pipeline.Realtime, 7, 6, a, 320, 0), 0)
	tab.Add(h, piece(pipeline.Realtime, 7, 5, b, 320, 1), 0)
	got, r := tab.Add(h, piece(pipeline.Realtime, 7, 5, b, 320, 0), 0)
	require.Equal(t, Complete, r)
	require.Equal(t, b, got)
	got, _ = tab.Add(h, piece(pipeline.Realtime, 7, 6, a, 320, 1), 0)
	require.Equal(t, a, got)
	require.True(t, h.Empty())
}

// Fragments that contradict each other are never one message.
func TestContradictionsAreInvalid(t *testing.T) {
	tab, h := New(roomy), &Holder{}
	tab.Add(h, piece(pipeline.Latest, 7, 5, content(1, 600), 320, 0), 0)
	_, r := tab.Add(h, piece(pipeline.Latest, 7, 5, content(1, 640), 320, 1), 0)
	require.Equal(t, Invalid, r, "another size")

	long := content(2, 900)
	add := func(i int) Result {
		if i == 0 {
			require.True(t, tab.Reserve(h, len(long)))
		}
		_, r := tab.Add(h, piece(pipeline.Reliable, 7, 0, long, 320, i), 0)
		return r
	}
	require.Equal(t, Invalid, add(1), "without the first")
	require.Equal(t, Stored, add(0))
	require.Equal(t, Invalid, add(2), "a gap")
	require.Equal(t, Invalid, add(1), "of a message that was dropped")
	require.Equal(t, Stored, add(0))
	require.Equal(t, Stored, add(0), "it begins again")
	require.True(t, tab.Interrupt(h, 7))
	require.False(t, tab.Interrupt(h, 7))
	require.Equal(t, Losses{Broken: 3}, tab.TakeLosses())
	require.Equal(t, Stored, add(0))
	require.Equal(t, Stored, add(1))
	require.Equal(t, Complete, add(2))
	require.Equal(t, buffered(600), tab.Bytes(), "the Latest message")
}

// At the limit of a session its own messages are evicted, at the total limit the one
// without progress for longest. Reliable ones stay, and are refused if there is no room.
func TestLimits(t *testing.T) {
	const size = 8 << 10
	tab := New(Limits{HolderBytes: 2 * size, TotalBytes: 3 * size, HolderMessages: 3})
	a, b := &Holder{Session: 1}, &Holder{Session: 2}
	begin := func(h *Holder, intent pipeline.Intent, channel uint32, now pipeline.Time) Result {
		_, r := tab.Add(h, piece(intent, channel, 1, content(1, size), 640, 0), now)
		return r
	}
	require.Equal(t, Stored, begin(a, pipeline.Latest, 1, 1))
	require.Equal(t, Stored, begin(a, pipeline.Realtime, 2, 2))
	require.Equal(t, Stored, begin(b, pipeline.Latest, 1, 3))
	require.Equal(t, Stored, begin(a, pipeline.Latest, 3, 4))
	require.Nil(t, a.find(pipeline.Latest, 1, 0), "the oldest of a")
	require.Equal(t, 3*size, tab.Bytes())
	require.Equal(t, Stored, begin(b, pipeline.Latest, 2, 5))
	require.Nil(t, a.find(pipeline.Realtime, 2, 1), "the oldest of all")
	require.Equal(t, 3*size, tab.Bytes())
	require.Equal(t, Losses{Evicted: 2}, tab.TakeLosses())

	require.True(t, tab.Reserve(a, size))
	require.Equal(t, Stored, begin(a, pipeline.Reliable, 9, 6))
	require.True(t, tab.Reserve(a, size), "the last state of a goes")
	require.False(t, tab.Reserve(a, 1))
	require.Equal(t, Full, begin(a, pipeline.Latest, 1, 7))
	require.Equal(t, 2*size, a.Bytes())
	require.True(t, tab.Reserve(b, size))
	require.False(t, tab.Reserve(b, 1))
	require.LessOrEqual(t, tab.Bytes(), 3*size)
	require.Equal(t, 1, tab.Clear(a))
	require.Equal(t, 0, tab.Clear(b))
	require.Zero(t, tab.Bytes())
	require.True(t, a.Empty() && b.Empty())

	for channel := range uint32(5) {
		_, r := tab.Add(a, piece(pipeline.Latest, channel, 1, content(1, 64), 64, 0), 0)
		require.Equal(t, Complete, r)
		require.LessOrEqual(t, len(a.messages), 3)
	}
}

// What makes no progress expires, and a session that does not continue a Reliable
// message is reported.
func TestExpiry(t *testing.T) {
	tab, h := New(roomy), &Holder{Session: 4}
	var stalled []pipeline.ID
	expire := func(now pipeline.Time) (pipeline.Time, bool) {
		return tab.Expire(now, func(id pipeline.ID) { stalled = append(stalled, id) })
	}
	_, ok := expire(0)
	require.False(t, ok)
	payload := content(1, 900)
	tab.Add(h, piece(pipeline.Realtime, 1, 1, payload, 320, 0), 0)
	tab.Add(h, piece(pipeline.Latest, 1, 1, payload, 320, 0), 0)
	require.True(t, tab.Reserve(h, len(payload)))
	tab.Add(h, piece(pipeline.Reliable, 1, 0, payload, 320, 0), 0)
	at, ok := expire(RealtimeLife - 1)
	require.True(t, ok)
	require.Equal(t, RealtimeLife, at)
	require.Zero(t, tab.TakeLosses())
	at, _ = expire(RealtimeLife)
	require.Equal(t, LatestLife, at)
	require.Equal(t, Losses{Expired: 1}, tab.TakeLosses())
	tab.Add(h, piece(pipeline.Latest, 1, 1, payload, 320, 1), LatestLife-1)
	at, _ = expire(LatestLife)
	require.Equal(t, 2*LatestLife-1, at, "it has made progress")
	at, _ = expire(2*LatestLife - 1)
	require.Equal(t, ReliableLife, at)
	require.Equal(t, Losses{Expired: 1}, tab.TakeLosses())
	require.Empty(t, stalled)
	at, _ = expire(ReliableLife)
	require.Equal(t, 2*ReliableLife, at)
	require.Equal(t, []pipeline.ID{4}, stalled)
	tab.Clear(h)

	_, r := tab.Add(h, piece(pipeline.Latest, 1, 1, payload[:64], 64, 0), 100)
	require.Equal(t, Complete, r)
	at, ok = expire(100)
	require.True(t, ok)
	_, ok = expire(at)
	require.False(t, ok, "complete ones are forgotten")
	require.Zero(t, tab.TakeLosses())
	require.True(t, h.Empty())
}

// Messages of one size, one after the other, allocate nothing.
func TestNoAllocations(t *testing.T) {
	tab, h := New(roomy), &Holder{}
	payload := content(1, 20<<10)
	order := uint64(0)
	send := func() {
		order++
		for i := range 20 {
			if got, r := tab.Add(h, piece(pipeline.Latest, 1, order, payload, 1024, i), 0); r == Complete {
				tab.Put(got)
			}
		}
	}
	send()
	send()
	require.Zero(t, testing.AllocsPerRun(100, send))
}
