package dissector

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// With segmentation offload, a capture on the sending machine contains several
// datagrams as one packet. Each of them is dissected.
func TestDatagramsBeforeSegmentation(t *testing.T) {
	t.Parallel()
	one := func(counter uint64, size int) sample {
		return data(t, wire.AESGCM, [32]byte{1}, 0x01020304, counter, bytes.Repeat([]byte{byte(wire.FramePadding)}, size))
	}
	other := func(counter uint64, size int) sample {
		return data(t, wire.AESGCM, [32]byte{2}, 0x0a0b0c0d, counter, bytes.Repeat([]byte{byte(wire.FramePadding)}, size))
	}
	handshake := packetSamples(t, wire.AESGCM)
	init, cookie, response, final := handshake[0], handshake[1], handshake[3], handshake[4]
	for _, run := range [][]sample{
		{init, one(0, 1)}, {init, init}, {response, one(0, 128), one(1, 7)}, {final, one(0, 96), one(1, 96)}, {cookie, cookie, one(1, 1)},
		{one(5, 128), init, response, final}, {init, one(5, 128), response, one(6, 1)},
		{one(900, 40), one(901, 40), other(0, 40), other(1, 3)}, {one(900, 1300), other(0, 900)},
		{one(0, 40), one(1, 40)},
		{one(7, 40), one(8, 40), one(10, 3)},
		{one(1, 1), one(2, 1), one(3, 1), one(4, 1)},
		{one(9, 1300), one(11, 1300), one(12, 1299)},
	} {
		var all []byte
		var want []string
		for _, s := range run {
			all = append(all, s.b...)
			want = append(want, s.want...)
		}
		for _, options := range [][]string{nil, asIntentra} {
			got := dissect(t, datagrams([][]byte{all}), options...)
			require.Equal(t, want, got[0].values())
			require.Empty(t, got[0].faults())
		}
	}
	// These are single datagrams: in a run no datagram is longer than the one before
	// it, all are well-formed, and counters increase.
	for name, single := range map[string][]byte{
		"longer":                    slices.Concat(one(0, 40).b, one(1, 41).b),
		"longer than Init":          slices.Concat(init.b, one(1, 129).b),
		"Init with a tail":          slices.Concat(init.b, make([]byte, 40)),
		"same counter":              slices.Concat(one(1, 40).b, one(1, 40).b),
		"counter too high":          slices.Concat(one(1, 40).b, one(1<<28, 40).b),
		"Init and counter too high": slices.Concat(init.b, one(1<<28, 40).b),
		"truncated second Init":     slices.Concat(init.b, init.b[:100]),
		"trailing bytes":            slices.Concat(one(1, 40).b, one(2, 40).b, make([]byte, 40)),
		"less than a packet":        slices.Concat(one(1, 40).b, one(2, 40).b[:31]),
	} {
		got := dissect(t, datagrams([][]byte{single}), asIntentra...)
		versions := slices.DeleteFunc(got[0].values(), func(s string) bool { return s != "intentra.version=1" })
		require.Len(t, versions, 1, name)
	}
}
