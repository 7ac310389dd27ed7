package replay

import (
	"slices"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/wire"
)

// segments splits a captured packet into its datagrams. With segmentation offload
// (GSO, which package udp uses), a capture on the sending machine contains a run
// of datagrams as one packet of up to 64 kB, without the segment length. All
// datagrams of a run have that length, except that the last may be shorter. It is
// found from the headers: the length of a leading handshake packet follows from
// its type; after a leading Data packet it is the smallest length at which every
// following datagram starts with a well-formed header.
//
// Ciphertext is practically never mistaken for a header. In Data 32 bits are fixed
// and so are the upper 36 of the counter; in the other types more than 90 bits and
// the length. At each byte offset that is a probability of 2^-68 at most, and
// below 2^-50 for the longest packet; with the receiver index of the datagram
// before, as in nearly all runs, 2^-100. A handshake packet that has exactly the
// length of its type is never split.
func segments(data []byte) [][]byte {
	h, _ := wire.ParseHeader(data) // reports a wrong length if a handshake packet leads the run
	least, most := wire.Overhead, len(data)-wire.Overhead
	if n, ok := handshakeSizes[h.Type]; ok {
		least, most = n, min(n, most)
	}
	for size := max(least, (len(data)+maxRun-1)/maxRun); size <= most; size++ {
		if _, _, ok := wire.Peek(data[size:]); ok && isRun(data, size) {
			return slices.Collect(slices.Chunk(data, size))
		}
	}
	return [][]byte{data}
}

var handshakeSizes = map[wire.PacketType]int{
	wire.TypeInit: wire.InitSize, wire.TypeResponse: wire.ResponseSize, wire.TypeFinal: wire.FinalSize, wire.TypeCookie: wire.CookiePacketSize,
}

// maxRun is the largest number of datagrams in a run (UDP_MAX_SEGMENTS of Linux
// since 6.9).
const maxRun = 128

// isRun reports whether data consists of datagrams of size bytes, the last of which
// may be shorter, that one sender may have produced: all are well-formed, and
// counters increase from one datagram to the next with the same receiver index. A
// rekey changes the index, and counters restart.
func isRun(data []byte, size int) bool {
	var last wire.Header
	for packet := range slices.Chunk(data, size) {
		h, fault := wire.ParseHeader(packet)
		switch {
		case fault != wire.FaultNone || h.Counter >= conn.HardPackets:
			return false
		case h.Type == wire.TypeData && h.Receiver == last.Receiver && last.Type == wire.TypeData && h.Counter <= last.Counter:
			return false
		}
		last = h
	}
	return true
}
