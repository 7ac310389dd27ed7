package conn

import (
	"net/netip"
	"slices"

	"github.com/intentra/intentra/pipeline"
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
	// owners are the sessions of the datagrams in out, zero for none. Until the next
	// datagram they remain those of the last taken ones.
	owners []pipeline.ID
	taken  int // datagrams that were taken last
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

// commit queues the datagram that was made in the buffer. It takes pointers, because a
// copy in an argument is read in larger pieces than it was just written in, for which
// the processor waits.
func (a *arena) commit(data []byte, remote *netip.AddrPort, local *netip.Addr, owner pipeline.ID) {
	if len(a.out) == 0 {
		a.owners, a.taken = a.owners[:0], 0
	}
	a.owners = append(a.owners, owner)
	a.block = a.block[:len(a.block)+len(data)]
	a.used += len(data)
	if len(a.out) == cap(a.out) {
		a.out = slices.Grow(a.out, 1)
	}
	a.out = a.out[:len(a.out)+1]
	// Field by field; see Packet.Reset.
	d := &a.out[len(a.out)-1]
	d.Data, d.Addr, d.Local, d.Fragment = data, *remote, *local, false
}

// Outgoing returns the datagrams to send now and removes them from the endpoint.
// They are valid until the next call of a method of e.
func (e *Endpoint) Outgoing() []wire.Datagram { return e.checked().arena.take() }

func (a *arena) take() []wire.Datagram {
	out := a.out
	a.taken = len(out)
	if a.used > cap(a.block) {
		// It took several blocks. The next batch gets a single one.
		a.block, a.least = nil, min(2*a.used, a.limit)
	}
	a.out, a.block, a.used = a.out[:0], a.block[:0], 0
	return out
}

// rest returns the datagrams that were taken last, without the first done, and their
// owners.
func (a *arena) rest(done int) ([]wire.Datagram, []pipeline.ID) {
	done = min(max(done, 0), a.taken)
	return a.out[:a.taken][done:], a.owners[:a.taken][done:]
}

// sendPlain queues a datagram that is not sealed: a handshake packet or a cookie.
// If there is no room it is dropped and counted in Stats.RepliesLost, and
// retransmitted like one that is lost on the wire.
// So is a reply that a stage has made longer than any packet.
func (e *Endpoint) sendPlain(to route, data []byte) bool {
	if e.arena.full() || len(data) > e.arena.size {
		e.stats.RepliesLost++
		return false
	}
	e.arena.commit(append(e.arena.buffer(), data...), &to.remote, &to.local, 0)
	e.stats.PacketsOut++
	e.stats.BytesOut += uint64(len(data))
	return true
}
