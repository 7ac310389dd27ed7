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
// the ring exists only while there are gaps.
type Reorder struct {
	cumulative uint64       // every sequence number below has been received
	held       int          // messages held
	bytes      int          // capacity of their payloads
	ring       *reorderRing // nil while all entries are zero
	pool       *ringPool    // may be nil
	marks      int          // entries of the ring that are not in their zero state
	ready      uint64
	hasReady   bool
}

type reorderEntry struct {
	payload   []byte
	channel   uint32
	successor uint16 // distance to the message held until this one is delivered
	received  bool
	delivered bool
}

// Cumulative returns the lowest sequence number that has not been received.
func (r *Reorder) Cumulative() uint64 { return r.cumulative }

// Gap reports whether a message is missing below one that has been received.
func (r *Reorder) Gap() bool { return r.marks > 0 }

// Held returns the number of messages held, and the capacity of their payloads in
// bytes.
func (r *Reorder) Held() (messages, bytes int) { return r.held, r.bytes }

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
	if r.entry(seq).received {
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
	if r.ring == nil {
		return reorderEntry{}
	}
	return r.ring[seq%wire.ReliableWindow]
}

// touch returns the entry of a message for a change from its zero state.
func (r *Reorder) touch(seq uint64) *reorderEntry {
	if r.ring == nil {
		r.ring = r.pool.get()
	}
	e := &r.ring[seq%wire.ReliableWindow]
	if !e.received && e.successor == 0 {
		r.marks++
	}
	return e
}

// Deliver records that the message seq, which Offer has accepted, is delivered.
func (r *Reorder) Deliver(seq uint64) {
	if r.ring == nil && seq == r.cumulative {
		r.cumulative++
		return
	}
	e := r.touch(seq)
	e.received, e.delivered = true, true
	if e.successor != 0 {
		r.ready, r.hasReady = seq+uint64(e.successor), true
	}
	r.advance()
}

// Hold keeps a message that Offer has consumed. Reorder owns payload until
// Release returns it.
func (r *Reorder) Hold(seq uint64, distance uint16, channel uint32, payload []byte) {
	r.touch(seq - uint64(distance)).successor = distance
	e := r.touch(seq)
	e.received, e.channel, e.payload = true, channel, payload
	r.held++
	r.bytes += cap(payload)
}

// Release returns the message that was held until the last delivery, if there is one,
// and records it as delivered. The payload is the caller's again.
func (r *Reorder) Release() (channel uint32, payload []byte, ok bool) {
	if !r.hasReady {
		return 0, nil, false
	}
	seq := r.ready
	r.hasReady = false
	e := &r.ring[seq%wire.ReliableWindow]
	channel, payload = e.channel, e.payload
	e.payload = nil
	r.held--
	r.bytes -= cap(payload)
	r.Deliver(seq)
	return channel, payload, true
}

// advance moves the cumulative number past delivered messages and clears their
// entries. It stops at a message that is held. When all entries are zero it releases
// the ring.
func (r *Reorder) advance() {
	for r.marks > 0 {
		e := &r.ring[r.cumulative%wire.ReliableWindow]
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
	n := r.held
	if r.ring != nil {
		for i := range r.ring {
			if p := r.ring[i].payload; p != nil {
				free(p)
			}
		}
	}
	*r = Reorder{cumulative: r.cumulative, pool: r.pool}
	return n
}

type reorderRing [wire.ReliableWindow]reorderEntry

// ringPool keeps some empty rings for later gaps, so that steady loss causes no
// steady allocation. A nil pool keeps none.
type ringPool struct{ free []*reorderRing }

const pooledRings = 64

func (p *ringPool) get() *reorderRing {
	if p == nil || len(p.free) == 0 {
		return new(reorderRing)
	}
	r := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	return r
}

func (p *ringPool) put(r *reorderRing) {
	if p != nil && len(p.free) < pooledRings {
		p.free = append(p.free, r)
	}
}
