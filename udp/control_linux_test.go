package udp

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// controlMessage returns a control message in native byte order, without padding after
// its value.
func controlMessage(level, kind int32, value []byte) []byte {
	b := make([]byte, sizeofCmsghdr, sizeofCmsghdr+len(value))
	if sizeofWord == 8 {
		binary.NativeEndian.PutUint64(b, uint64(sizeofCmsghdr+len(value)))
	} else {
		binary.NativeEndian.PutUint32(b, uint32(sizeofCmsghdr+len(value)))
	}
	binary.NativeEndian.PutUint32(b[sizeofWord:], uint32(level))
	binary.NativeEndian.PutUint32(b[sizeofWord+4:], uint32(kind))
	return append(b, value...)
}

// padded pads b to the alignment of control messages.
func padded(b []byte) []byte { return append(b, make([]byte, -len(b)&(sizeofWord-1))...) }

// parseControl finds the segment length wherever it is, and ignores malformed and
// unknown control messages.
func TestParseControl(t *testing.T) {
	value := binary.NativeEndian.AppendUint32(nil, 1200)
	segment := func() []byte { return controlMessage(unix.SOL_UDP, unix.UDP_GRO, value) }
	short := segment()
	binary.NativeEndian.PutUint32(short, uint32(sizeofCmsghdr-1)) // on little-endian machines also the 64-bit length
	for _, tt := range []struct {
		name string
		b    []byte
		want int
	}{
		{"none", nil, 0},
		{"part of a header", segment()[:sizeofCmsghdr-1], 0},
		{"header only", segment()[:sizeofCmsghdr], 0},
		{"truncated value", segment()[:sizeofCmsghdr+3], 0},
		{"unpadded", segment(), 1200},
		{"padded", padded(segment()), 1200},
		{"length shorter than a header", short, 0},
		{"after an empty message", append(controlMessage(unix.SOL_UDP, unix.UDP_GRO, nil), segment()...), 1200},
		{"after an unknown message", append(padded(controlMessage(unix.SOL_SOCKET, 99, []byte{1, 2, 3})), segment()...), 1200},
		{"value of another size", controlMessage(unix.SOL_UDP, unix.UDP_GRO, append(value, 0)), 0},
	} {
		require.Equal(t, tt.want, parseControl(tt.b).segment, tt.name)
	}
}
