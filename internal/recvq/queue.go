package recvq

import (
	"context"

	"github.com/intentra/intentra/internal/list"
	"github.com/intentra/intentra/internal/ring"
	"github.com/intentra/intentra/pipeline"
)

// leastTrim is the limit from which on trim judges a ring: smaller rings are not
// worth freeing.
const leastTrim = 8

// Queue holds the received messages of one peer. Its methods may be called from
// any goroutine.
type Queue[P any] struct {
	group *Group[P]
	peer  P

	// All of the rest is under group.mu.

	state, reliable ring.Ring[Message] // slots keep the buffers of their payloads
	turn            list.Node[*Queue[P]]
	retirement      list.Node[*Queue[P]]
	ended           bool
	signal          chan struct{} // wakes one caller of Receive; nil until there is one
	dropped         uint64
}

// NewQueue returns an empty queue for a peer.
func (g *Group[P]) NewQueue(peer P) *Queue[P] {
	q := &Queue[P]{group: g, peer: peer}
	q.turn.Value, q.retirement.Value = q, q
	return q
}

// Push appends a copy of the message, which arrived at the time now. If the queue is full of Realtime and Latest
// messages, a further one replaces the oldest.
//
// Reliable messages are always taken, so ask [Queue.HasRoom] before acknowledging
// one. Those that were held back by a gap have been acknowledged by the time the
// gap closes, and exceed the limit by as many as the sender's window allows.
func (q *Queue[P]) Push(now pipeline.Time, channel uint32, intent pipeline.Intent, payload []byte) {
	g := q.group
	g.mu.Lock()
	defer g.mu.Unlock()
	r := &q.state
	if intent == pipeline.Reliable {
		r = &q.reliable
	} else if r.Len() == g.limit {
		r.Pop()
		q.drop(1)
	}
	m := r.Push()
	m.Arrived, m.Channel, m.Intent, m.Payload = now, channel, intent, append(m.Payload[:0], payload...)
	q.takeTurn()
	wakeOne(g.signal)
	wakeOne(q.signal)
}

// HasRoom reports whether fewer Reliable messages wait than the limit allows.
func (q *Queue[P]) HasRoom() bool {
	q.group.mu.Lock()
	defer q.group.mu.Unlock()
	return q.reliable.Len() < q.group.limit
}

// Receive waits for a message of this peer. The error is [ErrClosed] once all
// messages have been taken and either the queue was ended or the group closed, or
// the cause of ctx.
func (q *Queue[P]) Receive(ctx context.Context) (Message, error) {
	g := q.group
	for {
		g.mu.Lock()
		m, ok := q.take()
		closed := g.closed || q.ended
		if q.signal == nil {
			q.signal = make(chan struct{}, 1)
		}
		g.mu.Unlock()
		if ok {
			return m, nil
		}
		if closed {
			wakeOne(q.signal) // the next of several receivers
			return Message{}, ErrClosed
		}
		select {
		case <-q.signal:
		case <-g.done:
		case <-ctx.Done():
			return Message{}, context.Cause(ctx)
		}
	}
}

// Dropped returns the number of messages dropped from this queue.
func (q *Queue[P]) Dropped() uint64 {
	q.group.mu.Lock()
	defer q.group.mu.Unlock()
	return q.dropped
}

// len returns the number of messages. The caller holds the lock.
func (q *Queue[P]) len() int { return q.state.Len() + q.reliable.Len() }

// takeTurn has the group's receivers look at q after the queues that wait already.
// The caller holds the lock.
func (q *Queue[P]) takeTurn() {
	if !q.group.turns.Contains(&q.turn) {
		q.group.turns.PushBack(&q.turn)
	}
}

// take removes a message: a Reliable one if there is one, because a full ring of
// them blocks their sender. The caller holds the lock.
func (q *Queue[P]) take() (m Message, ok bool) {
	r := &q.reliable
	if r.Len() == 0 {
		r = &q.state
	}
	if r.Len() == 0 {
		return Message{}, false
	}
	m = *r.Pop()
	m.Payload = append([]byte(nil), m.Payload...) // the buffer is the slot's
	q.trim(r)
	if q.len() > 0 {
		q.takeTurn()
		wakeOne(q.signal)
	} else {
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

// emptied gives up the turn of a queue without messages, so that the group does
// not keep it reachable, and the buffers of one that gets no more messages. The
// caller holds the lock.
func (q *Queue[P]) emptied() {
	q.group.turns.Remove(&q.turn)
	q.group.retired.Remove(&q.retirement)
	if q.ended {
		q.state, q.reliable = ring.Ring[Message]{}, ring.Ring[Message]{}
	}
}

// drop counts n messages as dropped. The caller holds the lock.
func (q *Queue[P]) drop(n int) {
	q.dropped += uint64(n)
	q.group.dropped += uint64(n)
}
