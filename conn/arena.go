package conn

import (
	"net/netip"

	"github.com/intentra/intentra/wire"
)

// arena holds the datagrams that the driver has yet to send, back to back in one
// block that is reused. So a run of them is one piece of memory for the kernel,
// and small ones stay in the processor's cache. The block grows with what the
// endpoint sends at once, up to transmitBytes, since most endpoints send little.
type arena struct {
	block []byte // of which len is used
	used  int    // of all blocks since Outgoing
	limit int    // of used
	least int    // of the next block
	size  int    // the longest datagram
	out   []wire.Datagram
}

func (a *arena) init(maxDatagram int) {
	a.size = max(maxDatagram, wire.MinDatagram)
	a.limit = max(transmitBytes, a.size)
	a.least = firstBytes
}

// full reports whether there is no room for one more.
func (a *arena) full() bool { return len(a.out) == transmitBatch || a.limit-a.used < a.size }

// buffer returns the next empty buffer. The arena is not full.
func (a *arena) buffer() []byte {
	if cap(a.block)-len(a.block) < a.size {
		a.grow()
	}
	n := len(a.block)
	return a.block[n : n : n+a.size]
}

// grow starts a larger block. Datagrams in the old one stay there.
func (a *arena) grow() {
	n := min(max(2*cap(a.block), a.least), a.limit-a.used)
	a.block = make([]byte, 0, max(n, a.size))
}

// commit queues the datagram that was made in the buffer.
func (a *arena) commit(data []byte, addr netip.AddrPort) {
	a.block = a.block[:len(a.block)+len(data)]
	a.used += len(data)
	a.out = append(a.out, wire.Datagram{Data: data, Addr: addr})
}

// Outgoing returns the datagrams to send now and removes them from the endpoint.
// They are valid until the next call of a method of e.
func (e *Endpoint) Outgoing() []wire.Datagram { return e.arena.take() }

func (a *arena) take() []wire.Datagram {
	out := a.out
	if a.used > cap(a.block) {
		// It took several blocks. The next batch gets a single one.
		a.block, a.least = nil, min(2*a.used, a.limit)
	}
	a.out, a.block, a.used = a.out[:0], a.block[:0], 0
	return out
}

// sendPlain queues a datagram that is not sealed: a handshake packet or a cookie.
// If there is no room it is dropped and counted in Stats.RepliesLost, and
// retransmitted like one that is lost on the wire.
// So is a reply that a stage has made longer than any packet.
func (e *Endpoint) sendPlain(addr netip.AddrPort, data []byte) bool {
	if e.arena.full() || len(data) > e.arena.size {
		e.stats.RepliesLost++
		return false
	}
	e.arena.commit(append(e.arena.buffer(), data...), addr)
	e.stats.PacketsOut++
	e.stats.BytesOut += uint64(len(data))
	return true
}
