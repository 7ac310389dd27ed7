package interop_test

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"slices"
)

// receiver is the receiving half of a session, implemented from sections 2, 4, 5,
// 6.3 and 8 of PROTOCOL.md, with sets and maps where a transport has windows and
// rings. No package of ours is used.
type receiver struct {
	suite  byte
	epochs []*receiving // by number

	newest map[uint32]place // of the Latest messages delivered, by channel

	lowest    uint64 // the lowest Reliable sequence not received
	received  map[uint64]bool
	delivered map[uint64]bool
	waiting   map[uint64]frame // by the sequence that they wait for

	reliableSent uint64 // Reliable messages sent by the other half
}

// receiving is an epoch, with what the other half has sent in it, which ACKs are
// about.
type receiving struct {
	index    []byte
	opens    cipher.AEAD
	opened   map[uint64]bool // counters received
	highest  uint64
	accepted map[uint64]bool // counters to acknowledge

	next     uint64 // next counter of the other half
	leftOut  map[uint64]bool
	acked    uint64 // the largest counter of the newest ACK
	ackOrder place  // of the packet with that ACK
	hasAck   bool
}

// place is the position of a packet in the order of packets.
type place struct{ epoch, counter uint64 }

func (p place) before(o place) bool {
	return p.epoch < o.epoch || p.epoch == o.epoch && p.counter < o.counter
}

// taken is the result for a packet: the reason for which it is rejected, or the
// frames that are processed.
type taken struct {
	refused   string
	violation bool
	acks      []frame
	control   []frame
	messages  []frame // delivered
}

func newReceiver(suite byte) *receiver {
	return &receiver{
		suite: suite, newest: map[uint32]place{},
		received: map[uint64]bool{}, delivered: map[uint64]bool{}, waiting: map[uint64]frame{},
	}
}

func (r *receiver) addEpoch(index, key []byte) {
	r.epochs = append(r.epochs, &receiving{
		index: index, opens: newAEAD(r.suite, key),
		opened: map[uint64]bool{}, accepted: map[uint64]bool{}, leftOut: map[uint64]bool{},
	})
}

func (r *receiver) take(b []byte) taken {
	n := slices.IndexFunc(r.epochs, func(e *receiving) bool {
		return len(b) >= 32 && bytes.Equal(b[:8], join([]byte{0x11, 0, 0, 0}, e.index))
	})
	if n < 0 {
		return taken{refused: "header"}
	}
	e, counter := r.epochs[n], binary.BigEndian.Uint64(b[8:])
	plain, err := e.opens.Open(nil, nonce(r.suite, counter), b[16:], b[:16])
	switch {
	case err != nil:
		return taken{refused: "forged"}
	case counter+8192 < e.highest:
		return taken{refused: "too_old"}
	case e.opened[counter]:
		return taken{refused: "replayed"}
	}
	e.opened[counter] = true
	e.highest = max(e.highest, counter)

	all, ok := parse(plain)
	if !ok {
		return taken{refused: "malformed", violation: true}
	}
	at := place{uint64(n), counter}
	if why := r.judge(all, at); why != "" {
		return taken{refused: why, violation: true}
	}
	e.accepted[counter] = true
	return r.act(all, at)
}

// judge reports violations according to section 6.3.
func (r *receiver) judge(all []frame, at place) string {
	acks := 0
	for _, f := range all {
		if f.kind != 4 {
			continue
		}
		if acks++; acks > 3 {
			return "excess"
		}
		if f.upTo > r.reliableSent {
			return "unsent"
		}
		if int(f.epoch) >= len(r.epochs) {
			continue
		}
		e := r.epochs[f.epoch]
		switch {
		case f.number >= e.next:
			return "unsent"
		case e.hasAck && at.before(e.ackOrder):
		case e.hasAck && f.number < e.acked:
			return "backwards"
		case slices.ContainsFunc(f.counters(), func(c uint64) bool { return e.leftOut[c] }):
			return "skipped"
		}
	}
	return ""
}

// act processes the frames of a valid packet.
func (r *receiver) act(all []frame, at place) (out taken) {
	for _, f := range all {
		switch {
		case f.kind == 4 && int(f.epoch) < len(r.epochs):
			e := r.epochs[f.epoch]
			if e.hasAck && (at == e.ackOrder || at.before(e.ackOrder)) {
				continue
			}
			e.hasAck, e.acked, e.ackOrder = true, f.number, at
			out.acks = append(out.acks, f)
		case f.kind >= 6 && f.kind <= 9:
			out.control = append(out.control, f)
		}
	}
	for _, f := range all {
		switch f.kind {
		case 1:
			out.messages = append(out.messages, f)
		case 2:
			if newest, ok := r.newest[f.channel]; !ok || !at.before(newest) {
				r.newest[f.channel] = at
				out.messages = append(out.messages, f)
			}
		case 3:
			r.reliable(f, &out)
		}
	}
	return out
}

// ourWindow is the Window that our side announces (section 11).
const ourWindow = 4096

// reliable processes a Reliable message (section 5.3).
func (r *receiver) reliable(f frame, out *taken) {
	before := f.number - uint64(f.distance)
	_, another := r.waiting[before]
	switch {
	case f.number < r.lowest || r.received[f.number]:
		return
	case f.number-r.lowest >= ourWindow:
		out.violation = true
		return
	case f.distance == 0 || r.delivered[before]:
		for free := true; free; {
			r.delivered[f.number], r.received[f.number] = true, true
			out.messages = append(out.messages, f)
			next := f.number
			f, free = r.waiting[next]
			delete(r.waiting, next)
		}
	case another:
		out.violation = true
		return
	default:
		r.waiting[before] = f
		r.received[f.number] = true
	}
	for r.received[r.lowest] {
		r.lowest++
	}
}
