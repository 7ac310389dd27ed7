package recvq

import (
	"github.com/intentra/intentra/internal/list"
	"github.com/intentra/intentra/internal/ring"
	"github.com/intentra/intentra/pipeline"
)

// leastTrim is the limit from which on trim judges a ring: smaller rings are not
// worth freeing.
const leastTrim = 8

const (
	// leastBytes is how many bytes of payload a queue may hold of Realtime and Latest
	// messages, and as many of Reliable ones, or more if its limit of messages allows
	// more whole ones of wholeBytes.
	leastBytes = 2 << 20
	wholeBytes = 1232
	// keptPayload is the largest buffer that a free slot keeps.
	keptPayload = 4 << 10
)

// Queue holds the received messages of one peer. Its messages are either all in
// blocks or all in its rings, so that they stay in order.
type Queue[P any] struct {
	group *Group[P]
	peer  P

	// Only the loop uses these. A receiver that takes a message from a block does not
	// touch the queue, so that its cache line stays with the loop. The numbers of
	// messages in blocks and in the stage are therefore upper bounds: those since the
	// last time that no block waited, at which group.emptyings has its value.

	emptyings                       uint64
	stateInBlocks, reliableInBlocks int32

	inRings int32 // messages in rings; from here on all is under group.mu
	ended   bool
	retired bool

	signal chan struct{} // wakes one receiver of this queue; nil until there is one

	state, reliable           ring.Ring[Message] // slots keep the buffers of their payloads
	stateBytes, reliableBytes int                // of payloads in these
	turn                      list.Node[*Queue[P]]
	retirement                list.Node[*Queue[P]]
	dropped                   uint64
}

// NewQueue returns an empty queue for a peer.
func (g *Group[P]) NewQueue(peer P) *Queue[P] {
	q := &Queue[P]{group: g, peer: peer}
	q.turn.Value, q.retirement.Value = q, q
	return q
}

// HasRoom reports whether fewer Reliable messages wait than the limit allows, and fewer
// bytes. It may publish messages to find out. Only the loop calls it.
func (q *Queue[P]) HasRoom() bool {
	_, most := q.inBlocks()
	if q.hasRoom(int(most)) {
		return true
	}
	q.group.settle()
	return q.hasRoom(0)
}

// hasRoom is HasRoom with up to inBlocks Reliable messages in blocks, whose bytes do not
// count: a block has few.
func (q *Queue[P]) hasRoom(inBlocks int) bool {
	q.group.mu.Lock()
	defer q.group.mu.Unlock()
	return inBlocks+q.reliable.Len() < q.group.limit && q.reliableBytes < q.group.limitBytes()
}

// limitBytes is the limit of the bytes of a queue, for Realtime and Latest messages
// and for Reliable ones.
func (g *Group[P]) limitBytes() int { return max(leastBytes, min(g.limit, 1<<20)*wholeBytes) }

// Dropped returns the number of messages dropped from this queue.
func (q *Queue[P]) Dropped() uint64 {
	q.group.mu.Lock()
	defer q.group.mu.Unlock()
	return q.dropped
}

// inBlocks returns how many messages of the queue there are in blocks and in the
// stage at most: of Realtime and Latest, and of Reliable. Only the loop calls it.
func (q *Queue[P]) inBlocks() (state, reliable int32) {
	if q.emptyings != q.group.emptyings {
		return 0, 0
	}
	return q.stateInBlocks, q.reliableInBlocks
}

// separate reports whether further messages go to the rings: messages wait there, or
// the peer is read separately. The caller holds mu.
func (q *Queue[P]) separate() bool { return q.inRings > 0 || q.signal != nil }

// pushRing appends a copy of the message to its ring, and drops the oldest one if
// the ring is full. The caller holds mu.
func (q *Queue[P]) pushRing(m Message) {
	r, bytes := &q.state, &q.stateBytes
	if m.Intent == pipeline.Reliable {
		r, bytes = &q.reliable, &q.reliableBytes
	} else {
		for r.Len() == q.group.limit || r.Len() > 0 && *bytes+len(m.Payload) > q.group.limitBytes() {
			q.drop(r)
		}
	}
	slot := r.Push()
	*bytes += len(m.Payload)
	m.Payload = append(slot.Payload[:0], m.Payload...)
	*slot = m
	q.inRings++
	q.group.ringBytes += len(m.Payload)
	q.takeTurn()
	wakeOne(q.signal)
}

// takeTurn has receivers of any peer look at q after the queues that wait already.
// The caller holds mu.
func (q *Queue[P]) takeTurn() {
	if !q.group.turns.Contains(&q.turn) {
		q.group.turns.PushBack(&q.turn)
	}
}

// takeRing removes a message from the rings: a Reliable one if there is one,
// because a full ring of them blocks their sender. The payload is valid until the
// lock is released, which the caller holds.
func (q *Queue[P]) takeRing() (m Message, ok bool) {
	r, bytes := &q.reliable, &q.reliableBytes
	if r.Len() == 0 {
		r, bytes = &q.state, &q.stateBytes
	}
	if r.Len() == 0 {
		return Message{}, false
	}
	m = pop(r)
	*bytes -= len(m.Payload)
	q.inRings--
	q.trim(r)
	if q.inRings > 0 {
		q.takeTurn()
	} else {
		q.group.turns.Remove(&q.turn)
	}
	q.group.ringBytes -= len(m.Payload)
	if q.ended && q.inRings == 0 {
		q.emptied()
	}
	return m, true
}

// trim frees the slots of a ring that is empty and larger than the limit asks
// for. Only Reliable messages that a gap had held back make it so large, which is
// rare.
func (q *Queue[P]) trim(r *ring.Ring[Message]) {
	if r.Len() == 0 && r.Cap() >= 2*max(leastTrim, q.group.limit) {
		*r = ring.Ring[Message]{}
	}
}

// emptied frees the buffers of an ended queue without messages, and its
// place among the retired ones. The caller holds mu.
func (q *Queue[P]) emptied() {
	q.group.retired.Remove(&q.retirement)
	q.state, q.reliable = ring.Ring[Message]{}, ring.Ring[Message]{}
	q.stateBytes, q.reliableBytes = 0, 0
}

// pop removes the oldest message of a ring. Its slot keeps no large buffer.
func pop(r *ring.Ring[Message]) Message {
	slot := r.Pop()
	m := *slot
	if cap(m.Payload) > keptPayload {
		slot.Payload = nil
	}
	return m
}

// drop drops the oldest message of a ring and counts it. The caller holds mu.
func (q *Queue[P]) drop(r *ring.Ring[Message]) {
	m := pop(r)
	if r == &q.state {
		q.stateBytes -= len(m.Payload)
	} else {
		q.reliableBytes -= len(m.Payload)
	}
	q.inRings--
	q.group.ringBytes -= len(m.Payload)
	q.dropped++
	q.group.dropped++
}
