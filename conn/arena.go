package conn

import (
	"net/netip"

	"github.com/intentra/intentra/wire"
)

// arena holds the datagrams that wait for the driver to send them, back to back
// in one block that is used again: so a run of them is one piece of memory for
// the kernel, and small ones stay in the processor's cache.
type arena struct {
	block []byte // of which len is used
	size  int    // the longest datagram
	out   []wire.Datagram
}

func (a *arena) init(maxDatagram int) {
	a.size = max(maxDatagram, wire.MinDatagram)
	a.block = make([]byte, 0, max(transmitBytes, a.size))
	a.out = make([]wire.Datagram, 0, transmitBatch)
}

// full reports whether there is no room for one more.
func (a *arena) full() bool {
	return len(a.out) == cap(a.out) || cap(a.block)-len(a.block) < a.size
}

// buffer returns the next empty buffer. The arena is not full.
func (a *arena) buffer() []byte {
	n := len(a.block)
	return a.block[n : n : n+a.size]
}

// commit queues the datagram that was made in the buffer.
func (a *arena) commit(data []byte, addr netip.AddrPort) {
	a.block = a.block[:len(a.block)+len(data)]
	a.out = append(a.out, wire.Datagram{Data: data, Addr: addr})
}

// Outgoing returns the datagrams that are to be sent now, and forgets them.
// They are good until the next call of a method of e.
func (e *Endpoint) Outgoing() []wire.Datagram {
	out := e.arena.out
	e.arena.out, e.arena.block = e.arena.out[:0], e.arena.block[:0]
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
