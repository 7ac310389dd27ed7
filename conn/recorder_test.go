package conn

import (
	"net/netip"

	"github.com/intentra/intentra/wire"
)

// recorder is an observer of the wire: it keeps what passes.
type recorder struct {
	w    *network
	seen []recorded
}

type recorded struct {
	from, to netip.AddrPort
	kind     wire.PacketType
	data     []byte
}

// record starts an observer.
func (w *network) record() *recorder {
	r := &recorder{w: w}
	before := w.tap
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		r.seen = append(r.seen, recorded{from, to, wire.PacketType(data[0] & 15), append([]byte(nil), data...)})
		return before == nil || before(from, to, data)
	}
	return r
}

// of returns what has been seen of the type.
func (r *recorder) of(kind wire.PacketType) (all []recorded) {
	for _, d := range r.seen {
		if d.kind == kind {
			all = append(all, d)
		}
	}
	return all
}

// replay sends a datagram again, from where it came or from elsewhere.
func (r *recorder) replay(d recorded, from netip.AddrPort) { r.w.inject(from, d.to, d.data, 0) }
