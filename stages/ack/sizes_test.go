package ack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// An outcome has the sizes of what was acknowledged and lost: without probes that are
// lost, and without the sizes of packets that IP may have fragmented.
func TestOutcomeSizes(t *testing.T) {
	var tr Tracker
	var o Outcome
	for _, size := range []int{1000, 600, LargePacket, 900, 50} { // counters 0 to 4
		tr.Sent(0, 1, size, true, &o)
	}
	tr.SentProbe(0, 8000, &o) // 5
	tr.Sent(0, 1, 1100, true, &o)
	tr.Fragmented()           // 6
	tr.SentProbe(0, 1400, &o) // 7
	tr.Sent(0, 1, 1100, true, &o)
	tr.Fragmented() // 8
	for range 3 {
		tr.Sent(0, 0, 0, false, &o)
	}
	require.Equal(t, 1000, tr.LargestOutstanding())
	require.Equal(t, 1000, tr.Size(0))
	require.Equal(t, 8000, tr.Size(5))
	require.Equal(t, LargePacket, tr.Size(6))
	require.Zero(t, tr.Size(100))

	o = Outcome{}
	tr.Apply(&wire.Ack{Largest: 4, Bitmap: wire.AckBitmap{1}}, 1, 0, &o) // 4 and 3
	require.Equal(t, []int{50, 900}, []int{o.SmallestAcked, o.LargestAcked})
	require.Equal(t, []int{2, 600}, []int{o.LostLarge, o.LeastLost}, "0 and 1")

	o = Outcome{}
	tr.Apply(&wire.Ack{Largest: 11, Bitmap: wire.AckBitmap{1<<3 | 1<<2}}, 2, 0, &o) // 7 and 8
	require.Equal(t, []int{LargePacket, 1400}, []int{o.SmallestAcked, o.LargestAcked})
	require.Equal(t, []int{0, 0}, []int{o.LostLarge, o.LeastLost}, "neither the probe 5 nor the fragmented 6")
	require.EqualValues(t, 2, o.Lost, "2 and 6")
	require.Zero(t, tr.LargestOutstanding())
	require.False(t, tr.Outstanding())
	_, waiting := tr.Oldest()
	require.False(t, waiting)
	require.EqualValues(t, LargePacket+1100+1100, o.Resolved, "probes are not in flight")
}
