package wireshark

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// A capture beside a sender that leaves segmentation to the kernel has several
// datagrams as one: each is dissected.
func TestDatagramsBeforeSegmentation(t *testing.T) {
	t.Parallel()
	one := func(counter uint64, size int) sample {
		return data(t, wire.AESGCM, [32]byte{1}, 0x01020304, counter, bytes.Repeat([]byte{byte(wire.FramePadding)}, size))
	}
	for _, run := range [][]sample{
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
	// A longer one cannot be the next.
	apart := slices.Concat(one(0, 40).b, one(1, 41).b)
	got := dissect(t, datagrams([][]byte{apart}))
	require.Len(t, slices.DeleteFunc(got[0].values(), func(s string) bool { return s != one(0, 0).want[0] }), 1)
}
