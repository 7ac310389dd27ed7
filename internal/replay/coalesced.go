package replay

import (
	"slices"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/wire"
)

// apart takes a captured datagram apart, if it is several. Where segmentation is
// left to the kernel or the network card (GSO, which package udp uses), a capture
// beside the sender has a run of datagrams as a single one of up to 64 kB, and
// without the length to which it is cut. All are of that length but the last,
// which may be shorter. Their own headers tell it: a handshake packet in front has
// the length of its type, and behind Data it is the first at which a sound header
// begins each of the rest.
//
// A header leaves little to chance. Of Data 32 bits are fixed, and the upper 36 of
// its counter; of the other types more than 90, and their length. So a ciphertext
// that looks like it by chance, at a distance that fits its end, has a probability
// of 2^-68 for each of its bytes, which is below 2^-50 for the longest; with the
// index of the one before, as nearly all have, 2^-100. A handshake packet of its
// own length is never taken apart.
func apart(data []byte) [][]byte {
	h, _ := wire.ParseHeader(data) // of a faulty length, if it is a run behind a handshake packet
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

// maxRun is the most datagrams that a kernel takes for one (UDP_MAX_SEGMENTS of
// Linux since 6.9).
const maxRun = 128

// isRun reports whether data is packets of size bytes, and a last one of at most
// as many, as one sender makes them: sound, with counters that grow as long as the
// index stays. After a rekey there is another, and its counters begin anew.
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
