package sendq

import (
	"math/bits"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// A full buffer of which half is garbage is reused, and not enlarged.
func TestBufferHalfOfGarbageIsReused(t *testing.T) {
	f := fifo{data: make([]byte, 0, 128)}
	push := func() { f.push(1, pipeline.Realtime, pipeline.Normal, make([]byte, 8), nil) }
	for range 16 {
		push()
	}
	for range 8 {
		f.pop()
	}
	require.Len(t, f.data, 128)
	push()
	require.Equal(t, 128, cap(f.data))
	require.Len(t, f.data, 8*9, "the garbage remains")
}

// A payload is replaced in place by one of at most the same size.
func TestReplaceInPlace(t *testing.T) {
	var f fifo
	f.push(1, pipeline.Latest, pipeline.Normal, []byte("first"), nil)
	f.push(1, pipeline.Latest, pipeline.Normal, []byte("other"), nil)
	for _, payload := range []string{"again", "less"} {
		f.replace(f.at(0), []byte(payload), nil)
		require.Equal(t, payload, string(f.payload(f.at(0))))
		require.Len(t, f.data, 10)
	}
	f.replace(f.at(0), []byte("longer"), nil)
	require.Equal(t, "longer", string(f.payload(f.at(0))))
	require.Equal(t, "other", string(f.payload(f.at(1))))
}

// A firstFifo fills the size class of 512 bytes, of which none straddles a line of a cache.
func TestFirstFifoIsEightLines(t *testing.T) {
	if bits.UintSize == 64 {
		size := reflect.TypeFor[firstFifo]().Size()
		require.LessOrEqual(t, size, uintptr(512))
		require.Greater(t, size, uintptr(480))
	}
}
