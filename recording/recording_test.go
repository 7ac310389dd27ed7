package recording_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/recording"
)

// Each file of Create is new, and a transport that starts keeps it.
func TestCreate(t *testing.T) {
	dir := t.TempDir()
	name, keys := filepath.Join(dir, "a.pcapng"), filepath.Join(dir, "a.keys")
	w, err := recording.Create(name, keys)
	require.NoError(t, err)
	_, err = recording.Create(name, "")
	require.ErrorIs(t, err, fs.ErrExist)
	tr, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: newKey(), Record: w})
	require.NoError(t, err)
	require.NoError(t, tr.Close())
	require.NoError(t, w.Close())
	require.FileExists(t, keys)

	r, err := recording.Open(name)
	require.NoError(t, err)
	_, err = r.Next()
	require.Equal(t, io.EOF, err, "a transport without traffic has no packets")
	require.NoError(t, r.Close())
}

func TestWriterRecordsOneTransport(t *testing.T) {
	w := recording.NewWriter(io.Discard, nil)
	tr, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: newKey(), Record: w})
	require.NoError(t, err)
	_, err = intentra.Listen("127.0.0.1:0", intentra.Config{Key: newKey(), Record: w})
	require.ErrorIs(t, err, recording.ErrUsed)
	require.NoError(t, w.Close())
	require.NoError(t, tr.Close())
	require.ErrorIs(t, w.Err(), recording.ErrClosed)
	require.ErrorIs(t, w.Close(), recording.ErrClosed)
}

// The zero Writer has no file: using it is an error, not a crash.
func TestZeroWriter(t *testing.T) {
	w := new(recording.Writer)
	_, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: newKey(), Record: w})
	require.Error(t, err)
	require.Error(t, w.Err())
	require.Error(t, w.Close())
}

// Packets of a capture that is not a recording have no verdict, and a truncated
// one has addresses but no payload.
func TestPlainCapture(t *testing.T) {
	datagram := []byte{
		0x45, 0, 0, 30, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		0x12, 0x34, 0x56, 0x78, 0, 10, 0, 0, 'h', 'i',
	}
	file := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4) // pcap, microseconds
	file = append(file, make([]byte, 16)...)
	file = binary.LittleEndian.AppendUint32(file, 101) // raw IP
	record := func(data []byte) {
		for _, n := range []int{1_000, 7, len(data), len(datagram)} {
			file = binary.LittleEndian.AppendUint32(file, uint32(n))
		}
		file = append(file, data...)
	}
	record(datagram)
	record(datagram[:29])
	r, err := recording.NewReader(bytes.NewReader(file[:len(file)-1]))
	require.NoError(t, err)
	whole, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, "10.0.0.1:4660 10.0.0.2:22136", whole.From.String()+" "+whole.To.String())
	require.Equal(t, "hi", string(whole.Payload))
	require.Equal(t, time.Unix(1_000, 7_000), whole.Time)
	require.False(t, whole.Truncated)
	require.Empty(t, whole.Verdict)
	_, err = r.Next()
	require.Equal(t, io.ErrUnexpectedEOF, err)

	r, err = recording.NewReader(bytes.NewReader(file))
	require.NoError(t, err)
	_, err = r.Next()
	require.NoError(t, err)
	cut, err := r.Next()
	require.NoError(t, err)
	require.True(t, cut.Truncated)
	require.Nil(t, cut.Payload)
	require.Equal(t, whole.From, cut.From)
	require.NoError(t, r.Close())

	_, err = recording.NewReader(bytes.NewReader([]byte("no capture")))
	require.ErrorIs(t, err, recording.ErrCapture)
}
