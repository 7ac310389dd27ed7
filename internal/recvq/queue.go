package recvq

import (
	"github.com/intentra/intentra/internal/list"
	"github.com/intentra/intentra/internal/ring"
	"github.com/intentra/intentra/pipeline"
)

// leastTrim is the limit from which on trim judges a ring: smaller rings are not
// worth freeing.
const leastTrim = 8

// Queue holds the received messages of one peer. Its messages are either all in
// blocks or all in its rings, so that they stay in order.
type Queue[P any] struct {
	group *Group[P]
	peer  P

	staged int32 // Reliable messages that are not published yet; only the loop uses it

	// All of the rest is under group.mu. A receiver that takes a message from a block
	// does not touch the queue, so that these fields stay in the cache of the loop.
	// The numbers of messages in blocks are therefore upper bounds: those since the
	// last time that no block waited, at which group.emptyings has its value.

	emptyings                       uint64
	stateInBlocks, reliableInBlocks int32
	inRings                         int32 // messages in rings
	ended                           bool

	signal chan struct{} // wakes one receiver of this queue; nil until there is one

	state, reliable ring.Ring[Message] // slots keep the buffers of their payloads
	turn            list.Node[*Queue[P]]
	retirement      list.Node[*Queue[P]]
	dropped         uint64
}

// NewQueue returns an empty queue for a peer.
func (g *Group[P]) NewQueue(peer P) *Queue[P] {
	q := &Queue[P]{group: g, peer: peer}
	q.turn.Value, q.retirement.Value = q, q
	return q
}

// HasRoom reports whether fewer Reliable messages wait than the limit allows. Only
// the loop calls it.
func (q *Queue[P]) HasRoom() bool {
	g := q.group
	g.mu.Lock()
	defer g.mu.Unlock()
	waiting := int(q.staged) + q.reliable.Len()
	if _, most := q.inBlocks(); waiting+most < g.limit {
		return true
	}
	q.settle()
	return int(q.staged)+q.reliable.Len() < g.limit
}

// Dropped returns the number of messages dropped from this queue.
func (q *Queue[P]) Dropped() uint64 {
	q.group.mu.Lock()
	defer q.group.mu.Unlock()
	return q.dropped
}

// inBlocks returns how many messages of the queue there are in blocks at most: of
// Realtime and Latest, and of Reliable. The caller holds the lock.
func (q *Queue[P]) inBlocks() (state, reliable int) {
	if q.emptyings != q.group.emptyings {
		return 0, 0
	}
	return int(q.stateInBlocks), int(q.reliableInBlocks)
}

// settle moves all messages to the rings if there may be some of this queue in
// blocks. The caller holds the lock.
func (q *Queue[P]) settle() {
	if state, reliable := q.inBlocks(); state+reliable > 0 {
		q.group.settle()
	}
}

// separate reports whether further messages go to the rings: messages wait there,
// the peer is read separately, or it has gone. The caller holds the lock.
func (q *Queue[P]) separate() bool { return q.inRings > 0 || q.signal != nil || q.ended }

// pushRing appends a copy of the message to its ring, and drops the oldest one if
// the ring is full. The caller holds the lock.
func (q *Queue[P]) pushRing(m Message) {
	r := &q.state
	if m.Intent == pipeline.Reliable {
		r = &q.reliable
	} else if r.Len() == q.group.limit {
		q.drop(r)
	}
	slot := r.Push()
	m.Payload = append(slot.Payload[:0], m.Payload...)
	*slot = m
	q.inRings++
	q.takeTurn()
	wakeOne(q.signal)
}

// takeTurn has receivers of any peer look at q after the queues that wait already.
// The caller holds the lock.
func (q *Queue[P]) takeTurn() {
	if !q.group.turns.Contains(&q.turn) {
		q.group.turns.PushBack(&q.turn)
	}
}

// takeRing removes a message from the rings: a Reliable one if there is one,
// because a full ring of them blocks their sender. The payload is valid until the
// lock is released, which the caller holds.
func (q *Queue[P]) takeRing() (m Message, ok bool) {
	r := &q.reliable
	if r.Len() == 0 {
		r = &q.state
	}
	if r.Len() == 0 {
		return Message{}, false
	}
	m = *r.Pop()
	q.inRings--
	q.trim(r)
	if q.inRings > 0 {
		q.takeTurn()
	} else {
		q.group.turns.Remove(&q.turn)
	}
	q.group.bytes -= len(m.Payload)
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
// place among the retired ones. The caller holds the lock.
func (q *Queue[P]) emptied() {
	q.group.retired.Remove(&q.retirement)
	q.state, q.reliable = ring.Ring[Message]{}, ring.Ring[Message]{}
}

// drop drops the oldest message of a ring and counts it. The caller holds the lock.
func (q *Queue[P]) drop(r *ring.Ring[Message]) {
	m := r.Pop()
	q.inRings--
	q.group.bytes -= len(m.Payload)
	q.dropped++
	q.group.dropped++
}
