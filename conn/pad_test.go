package conn_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// Consecutive full packets have one length, whatever the lengths of their
// messages, so that they travel as one run. The last is not padded.
func TestFullPacketsHaveOneLength(t *testing.T) {
	w := newWorld(t, 5)
	a, b := w.pair()
	w.run(time.Second)
	var sizes []int
	w.tap = func(from, _ netip.AddrPort, data []byte) bool {
		if from == a.Addr() {
			sizes = append(sizes, len(data))
		}
		return true
	}
	for i := range 100 {
		a.queue(b, uint32(i*50), pipeline.Realtime, number(i, 100+i%40))
	}
	a.turn()
	require.Greater(t, len(sizes), 5)
	for _, n := range sizes[:len(sizes)-1] {
		require.Equal(t, a.session(b).MaxDatagram(), n)
	}
	require.Less(t, sizes[len(sizes)-1], a.session(b).MaxDatagram())
	w.run(time.Second)
	require.Len(t, b.got, 100)
}

// A packet whose message leaves much room is not padded.
func TestLargeMessagesAreNotPadded(t *testing.T) {
	w := newWorld(t, 6)
	a, b := w.pair()
	w.run(time.Second)
	var most int
	w.tap = func(from, _ netip.AddrPort, data []byte) bool {
		if from == a.Addr() {
			most = max(most, len(data))
		}
		return true
	}
	for i := range 20 {
		a.queue(b, 1, pipeline.Realtime, number(i, 800))
	}
	a.turn()
	require.Less(t, most, 900)
	w.run(time.Second)
	require.Len(t, b.got, 20)
}
