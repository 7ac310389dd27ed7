package nowait

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// A pipe without a reader is filled, and then refuses more: a system call of which the
// scheduler does not know must not wait. This test would hang if it did.
func TestFullPipe(t *testing.T) {
	t.Parallel()
	r, pipe, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer pipe.Close()
	w := &writer{file: pipe}
	block := make([]byte, 4<<10)
	total := 0
	for {
		n := w.try(block)
		total += n
		if w.refused {
			t.Skip("this kernel's pipes take no writes without waiting (Linux 6.4 and later do)")
		}
		if n == 0 {
			break
		}
	}
	require.Positive(t, total)
	require.Zero(t, w.try(block))
	require.False(t, w.refused, "the pipe has no room for now")
}
