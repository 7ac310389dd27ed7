package ack

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Reorder is the receiving half of a session's reliable lane. Messages are numbered
// across all channels. Each carries the distance to its predecessor on its channel,
// and is held until that has been delivered. Channels do not wait for each other, and
// the receiver keeps no table of channels.
//
// The zero value is ready to use. While messages arrive in order it is two integers;
// the ring exists only while there are gaps, and grows with how far they reach.
type Reorder struct {
	cumulative uint64         // every sequence number below has been received
	bytes      int            // of the messages held, as HeldSize
	ring       []reorderEntry // nil while all entries are zero; its length is a power of two
	pool       *ringPool      // may be nil
	ready      uint64
	held       int32 // messages held
	marks      int32 // entries of the ring that are not in their zero state
	hasReady   bool
}

// reorderEntry has 16 bytes, of which a session may need wire.ReliableWindow.
type reorderEntry struct {
	held      *heldMessage // nil for a notice
	channel   uint32       // of what is held
	successor uint16       // distance to the message held until this one is delivered
	received  receipt
	delivered bool
}

// heldMessage has heldOverhead bytes.
type heldMessage struct {
	payload []byte
	origin  uint64
	within  uint32 // see pipeline.Packet
}

// receipt says what of a message in the window has been received.
type receipt uint8

const (
	notReceived    receipt = iota
	received               // the message
	receivedPiece          // a fragment, whose payload begins with a pieceHeader
	receivedNotice         // that the peer has given it up; it has no payload and is not held
)

// Cumulative returns the lowest sequence number that has not been received.
func (r *Reorder) Cumulative() uint64 { return r.cumulative }

// Gap reports whether a message is missing below one that has been received.
func (r *Reorder) Gap() bool { return r.marks > 0 }

// Held returns the number of messages held, and their size in bytes: the capacity of
// their payloads and 48 bytes for each.
func (r *Reorder) Held() (messages, bytes int) { return int(r.held), r.bytes }

// Offer decides about a message that has arrived. Accept: the caller delivers it,
// calls Deliver, and then Release for messages held until then. Consumed: the caller
// passes a copy to Hold. Otherwise the verdict drops the message.
func (r *Reorder) Offer(seq uint64, distance uint16) pipeline.Verdict {
	if seq < r.cumulative {
		return DropDuplicate
	}
	if seq-r.cumulative >= wire.ReliableWindow {
		return DropWindow
	}
	if r.entry(seq).received != notReceived {
		return DropDuplicate
	}
	if r.delivered(seq, distance) {
		return pipeline.Accept
	}
	if s := r.entry(seq - uint64(distance)).successor; s != 0 && s != distance {
		return DropDistance
	}
	return pipeline.Consumed
}

// delivered reports whether the predecessor of seq on its channel has been delivered.
// All messages below the cumulative number have been, since each waits at most for a
// lower one.
func (r *Reorder) delivered(seq uint64, distance uint16) bool {
	before := seq - uint64(distance)
	return distance == 0 || before < r.cumulative || r.entry(before).delivered
}

// entry returns the entry of a message in the window.
func (r *Reorder) entry(seq uint64) reorderEntry {
	if seq-r.cumulative >= uint64(len(r.ring)) {
		return reorderEntry{}
	}
	return *r.at(seq)
}

// at returns the entry of a message that the ring reaches.
func (r *Reorder) at(seq uint64) *reorderEntry { return &r.ring[seq&uint64(len(r.ring)-1)] }

// touch returns the entry of a message for a change from its zero state.
func (r *Reorder) touch(seq uint64) *reorderEntry {
	if n := seq - r.cumulative; n >= uint64(len(r.ring)) {
		r.grow(int(n))
	}
	e := r.at(seq)
	if e.received == notReceived && e.successor == 0 {
		r.marks++
	}
	return e
}

// grow makes the ring reach the message n above the cumulative number.
func (r *Reorder) grow(n int) {
	size := max(len(r.ring), smallestRing)
	for size <= n {
		size *= 2
	}
	ring := r.pool.get(size)
	for seq := r.cumulative; seq < r.cumulative+uint64(len(r.ring)); seq++ {
		e := r.at(seq)
		ring[seq&uint64(size-1)] = *e
		*e = reorderEntry{}
	}
	r.pool.put(r.ring)
	r.ring = ring
}

// Deliver records that the message seq, which Offer has accepted, is delivered.
func (r *Reorder) Deliver(seq uint64) {
	if r.ring == nil && seq == r.cumulative {
		r.cumulative++
		return
	}
	e := r.touch(seq)
	e.received, e.delivered = received, true
	if e.successor != 0 {
		r.ready, r.hasReady = seq+uint64(e.successor), true
	}
	r.advance()
}

// Hold keeps a message that Offer has consumed. Reorder owns payload until
// Release returns it.
func (r *Reorder) Hold(seq uint64, distance uint16, channel uint32, payload []byte) {
	r.hold(seq, distance, channel, payload, received)
}

func (r *Reorder) hold(seq uint64, distance uint16, channel uint32, payload []byte, what receipt) {
	r.touch(seq - uint64(distance)).successor = distance
	e := r.touch(seq)
	e.received, e.channel = what, channel
	if what != receivedNotice {
		e.held = r.pool.record()
		e.held.payload = payload
		r.held++
		r.bytes += heldOverhead + cap(payload)
	}
}

// stamp keeps the origin of a message along with it, after hold.
func (r *Reorder) stamp(seq, origin uint64, within uint32) {
	h := r.at(seq).held
	h.origin, h.within = origin, within
}

// Release returns the message that was held until the last delivery, if there is one,
// and records it as delivered. The payload is the caller's again.
func (r *Reorder) Release() (channel uint32, payload []byte, ok bool) {
	channel, payload, what := r.release()
	return channel, payload, what != notReceived
}

func (r *Reorder) release() (channel uint32, payload []byte, what receipt) {
	if !r.hasReady {
		return 0, nil, notReceived
	}
	seq := r.ready
	r.hasReady = false
	e := r.at(seq)
	channel, what = e.channel, e.received
	if r.pool != nil {
		r.pool.origin, r.pool.within = 0, 0
	}
	if h := e.held; h != nil {
		payload = h.payload
		if r.pool != nil {
			r.pool.origin, r.pool.within = h.origin, h.within
		}
		r.held--
		r.bytes -= heldOverhead + cap(payload)
		e.held = nil
		r.pool.putRecord(h)
	}
	r.Deliver(seq)
	return channel, payload, what
}

// advance moves the cumulative number past delivered messages and clears their
// entries. It stops at a message that is held. When all entries are zero it releases
// the ring.
func (r *Reorder) advance() {
	for r.marks > 0 {
		e := r.at(r.cumulative)
		if !e.delivered {
			return
		}
		*e = reorderEntry{}
		r.marks--
		r.cumulative++
	}
	r.pool.put(r.ring)
	r.ring = nil
}

// Clear drops all held messages, passes each payload to free, and returns their
// number.
func (r *Reorder) Clear(free func([]byte)) int {
	n := int(r.held)
	for i := range r.ring {
		if h := r.ring[i].held; h != nil {
			free(h.payload)
			r.pool.putRecord(h)
		}
	}
	*r = Reorder{cumulative: r.cumulative, pool: r.pool}
	return n
}
