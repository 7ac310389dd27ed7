package nowait

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// numberedBlocks is input in which each lost, repeated or exchanged byte shows.
func numberedBlocks(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

// writeInParts writes all of b, in parts of many sizes.
func writeInParts(t *testing.T, w io.Writer, b []byte) {
	t.Helper()
	for size := 1; len(b) > 0; size = size*5/3 + 1 {
		if size > 64<<10 {
			size = 1
		}
		part := b[:min(size, len(b))]
		n, err := w.Write(part)
		require.NoError(t, err)
		require.Equal(t, len(part), n)
		b = b[n:]
	}
}

// A pipe that is full most of the time takes every byte once, in order.
func TestPipe(t *testing.T) {
	t.Parallel()
	r, out, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	read := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(r)
		read <- b
	}()
	want := numberedBlocks(4 << 20)
	writeInParts(t, Writer(out), want)
	require.NoError(t, out.Close())
	require.True(t, bytes.Equal(want, <-read))
}

// A regular file, to which it may have to be written as usual, grows at its position.
func TestFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "out")
	require.NoError(t, os.WriteFile(name, []byte("before "), 0o600))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	want := numberedBlocks(1 << 20)
	writeInParts(t, Writer(f), want)
	require.NoError(t, f.Close())
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.True(t, bytes.Equal(append([]byte("before "), want...), got))
}

// A write that fails does so with the error of the file; other writers are left alone.
func TestFailure(t *testing.T) {
	t.Parallel()
	r, out, err := os.Pipe()
	require.NoError(t, err)
	defer out.Close()
	require.NoError(t, r.Close())
	n, err := Writer(out).Write([]byte("lost"))
	require.Zero(t, n)
	require.Error(t, err)

	closed, err := os.Open(os.DevNull)
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	_, err = Writer(closed).Write([]byte("closed"))
	require.ErrorIs(t, err, os.ErrClosed)

	var b bytes.Buffer
	require.Same(t, &b, Writer(&b))
}
