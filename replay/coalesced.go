package replay

import (
	"bytes"
	"slices"

	"github.com/intentra/intentra/wire"
)

// apart takes a captured datagram apart, if it is several. Where segmentation is
// left to the kernel or the network card (GSO, which package udp uses), a capture
// beside the sender has a run of datagrams as a single one of up to 64 kB, and
// without the length to which it is cut. All are of that length but the last,
// which may be shorter, and in ours each has a header that continues the first:
// this is told by its 8 bytes of version, type and receiver index. That they
// stand in the ciphertext of one datagram by chance, at the right distance, has
// a probability of 2^-64 for each of its bytes.
func apart(data []byte) [][]byte {
	h, _ := wire.ParseHeader(data) // as if of a faulty length, if a handshake packet comes first
	if h.Type == 0 || h.Receiver == 0 {
		return [][]byte{data}
	}
	next := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: h.Receiver})[:8]
	for size := wire.Overhead; size+wire.Overhead <= len(data); size++ {
		// Looks for the next header, not for each size.
		i := bytes.Index(data[size:], next)
		if i < 0 {
			break
		}
		if size += i; size >= len(data)/maxRun && continues(data, size, next) {
			return slices.Collect(slices.Chunk(data, size))
		}
	}
	return [][]byte{data}
}

// maxRun is the most datagrams that a kernel takes for one (UDP_MAX_SEGMENTS of
// Linux since 6.9).
const maxRun = 128

// continues reports whether datagrams begin with the header at all multiples of
// size.
func continues(data []byte, size int, header []byte) bool {
	for i := size; i < len(data); i += size {
		if len(data)-i < wire.Overhead || !bytes.HasPrefix(data[i:], header) {
			return false
		}
	}
	return true
}
