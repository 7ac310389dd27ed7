package conn

import (
	"net/netip"

	"github.com/intentra/intentra/wire"
)

// arena holds the datagrams that wait for the driver to send them, in buffers
// that are used again.
type arena struct {
	buffers [][]byte
	out     []wire.Datagram
}

func (a *arena) init(maxDatagram int) {
	size := max(maxDatagram, wire.MinDatagram)
	block := make([]byte, transmitBatch*size)
	for i := range transmitBatch {
		a.buffers = append(a.buffers, block[i*size:i*size:(i+1)*size])
	}
	a.out = make([]wire.Datagram, 0, transmitBatch)
}

// full reports whether there is no buffer left.
func (a *arena) full() bool { return len(a.out) == len(a.buffers) }

// buffer returns the next empty buffer. The arena is not full.
func (a *arena) buffer() []byte { return a.buffers[len(a.out)] }

// commit queues the datagram that was made in the buffer.
func (a *arena) commit(data []byte, addr netip.AddrPort) {
	a.out = append(a.out, wire.Datagram{Data: data, Addr: addr})
}

// Outgoing returns the datagrams that are to be sent now, and forgets them.
// They are good until the next call of a method of e.
func (e *Endpoint) Outgoing() []wire.Datagram {
	out := e.arena.out
	e.arena.out = e.arena.out[:0]
	return out
}

// sendPlain queues a datagram that is not sealed: handshakes and cookies.
// Without room it is lost, as on the wire; its sender tries again.
func (e *Endpoint) sendPlain(addr netip.AddrPort, data []byte) {
	if e.arena.full() {
		return
	}
	e.arena.commit(append(e.arena.buffer(), data...), addr)
	e.stats.PacketsOut++
	e.stats.BytesOut += uint64(len(data))
}
