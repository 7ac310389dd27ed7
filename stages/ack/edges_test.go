package ack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// The largest packet in flight is that of those above the acknowledged ones, and what is
// decided lies below the first one whose acknowledgement is awaited.
func TestTrackerInFlight(t *testing.T) {
	var tr Tracker
	var o Outcome
	for _, size := range []int{100, 300, 250, 200, 150, 120} {
		tr.Sent(1, 0, size, true, &o)
	}
	require.Equal(t, 300, tr.LargestOutstanding())
	tr.Apply(&wire.Ack{Largest: 4}, 1, 2, &o)
	require.Equal(t, 120, tr.LargestOutstanding())
	for c, want := range []struct{ acked, decided bool }{{false, true}, {false, true}, {false, false}, {false, false}, {true, true}, {false, false}} {
		acked, decided := tr.Decided(uint64(c))
		require.Equal(t, want.decided, decided, "packet %d", c)
		require.Equal(t, want.acked, acked, "packet %d", c)
	}
}

// The zero Config has a clock in microseconds and ignores notices of abandoned messages.
func TestZeroConfig(t *testing.T) {
	s := New(Config{})
	require.EqualValues(t, 1500, s.cfg.Clock(pipeline.Time(1_500_999)))
	require.NotPanics(t, func() { s.cfg.GivenUp(nil, 1) })
	called := 0
	s = New(Config{GivenUp: func(*pipeline.Packet, uint32) { called++ }})
	s.cfg.GivenUp(nil, 1)
	require.Equal(t, 1, called)
}

// A fragment that an honest peer cannot have sent is a strike, and a repeated one is not.
func TestStrikesForFragments(t *testing.T) {
	r := newRig(t, Config{})
	r.stage.SetCapabilities(sessionA, wire.CapFragments)
	piece := func(seq uint64) []byte {
		return wire.AppendFragment(nil, wire.Fragment{Of: wire.FrameReliable, Size: 128}, 1, seq, 0, make([]byte, 64))
	}
	for i, c := range []struct {
		seq    uint64
		struck bool
	}{{0, false}, {0, false}, {wire.ReliableWindow, false}, {wire.ReliableWindow + 1, true}} {
		r.receive(sessionA, 0, uint64(i), piece(c.seq))
		require.Equal(t, c.struck, r.p.Struck(), "packet %d", i)
	}
	require.EqualValues(t, 1, r.drops()["duplicate"])
	require.EqualValues(t, 1, r.drops()["window"])
}

// Fragments that wait for an earlier message count towards the limit of held bytes.
func TestHeldFragmentsAreLimited(t *testing.T) {
	const limit, buffer = 1024 + 64, 128
	r := newRig(t, Config{HeldBytes: limit})
	r.stage.SetCapabilities(sessionA, wire.CapFragments)
	for i := range uint64(50) {
		f := wire.Fragment{Of: wire.FrameReliable, Size: 64 << 10, Offset: 64}
		r.receive(sessionA, 0, i, wire.AppendFragment(nil, f, 1, i+1, 1, make([]byte, 64)))
		require.LessOrEqual(t, r.stage.HeldBytes(), limit)
	}
	require.Equal(t, limit/buffer*buffer, r.stage.HeldBytes(), "the limit is used")
	require.NotZero(t, r.drops()["held_full"])
}

// An acknowledgement falls due with the packet that reaches EveryBytes.
func TestDueAtEveryBytes(t *testing.T) {
	state := realtime(1, "some bytes of state")
	var owed []pipeline.Time
	r := newRig(t, Config{
		EveryBytes: 3 * (wire.HeaderSize + len(state)),
		Owed:       func(_ *pipeline.Packet, at pipeline.Time) { owed = append(owed, at) },
	})
	r.now = 1000 * millisecond
	for counter := range uint64(3) {
		r.receive(sessionA, 0, counter, state)
		at, ok := r.stage.Deadline(sessionA)
		require.True(t, ok)
		require.Equal(t, counter == 2, at <= r.now, "packet %d", counter)
		require.Equal(t, counter == 2, owed[len(owed)-1] <= r.now, "packet %d", counter)
	}
}

// The time of an acknowledgement that was asked for at once is attached if there is just
// enough room for it.
func TestTimeNeedsRoom(t *testing.T) {
	for _, more := range []int{-1, 0, 1} {
		r := newRig(t, Config{})
		r.stage.SetCapabilities(sessionA, wire.CapAckNow|wire.CapAckTime)
		r.now = 1000 * millisecond
		r.receive(sessionA, 0, 0, wire.AppendAckNow(nil))
		size := (&wire.Ack{}).Size()
		acks := r.send(sessionA, 1, wire.HeaderSize+1+size+wire.AckTimeSize+wire.TagSize+more)
		require.Len(t, acks, 1)
		want := size
		if more >= 0 {
			want += wire.AckTimeSize
		}
		require.Len(t, r.out.Data, wire.HeaderSize+1+want)
	}
}
