// Package sendq is what the user's goroutines and the event loop share: the
// bounded queue of messages that wait to be sent to one peer.
//
// It is the only part of the protocol core with a lock. The lock is held for
// one append or for filling one packet, never across I/O, a callback into user
// code or a wait, so neither side can stall the other. In exchange a caller
// learns at once what has become of its message.
package sendq

import (
	"sync"
	"sync/atomic"

	"github.com/intentra/intentra/pipeline"
)

// Outcome is what Push did with a message.
type Outcome uint8

const (
	// Queued: the message waits to be sent.
	Queued Outcome = iota + 1
	// Replaced: it waits, and an older message gave way to it.
	Replaced
	// Full: it was not taken, because the queue is full of Reliable messages.
	Full
	// Closed: it was not taken, because the peer is closed.
	Closed
	// Offline: it was not taken, because the peer is not connected, and is
	// either not dialled by this side or the message Realtime.
	Offline
)

// Limits bound a queue. State is Realtime and Latest together.
type Limits struct {
	StateMessages, StateBytes       int
	ReliableMessages, ReliableBytes int
}

// Queue holds the messages that wait to be sent to a peer: State (Realtime and
// Latest), where the newest wins, and Reliable, where the oldest does. All
// methods may be called from any goroutine. The zero value is not ready; see
// New.
type Queue struct {
	mu sync.Mutex

	// What the loop looks at without the lock: the messages that wait, State
	// in the high half and Reliable in the low one; and whether it has been
	// told and has not looked yet.
	counts atomic.Uint64
	ready  atomic.Bool

	online   bool
	holding  bool // keeps messages while the peer is not connected
	closed   bool
	state    *fifo // none, until the first message
	reliable *fifo
	latest   map[uint32]uint64 // channel to position in state
	limits   Limits
	room     chan struct{} // closed when there is room again; nil if nobody waits

	flow Flow

	watched *watched // nil: nobody does
}

// New returns an empty queue of a peer that is not connected.
func New(l Limits) *Queue { return &Queue{limits: l, state: &none, reliable: &none} }

// none is what all queues share that nothing has been put into: most peers of
// many only listen. Nothing writes to it.
var none fifo

// use returns f, or a fifo of one's own instead of none.
func use(f *fifo) *fifo {
	if f == &none {
		return new(fifo)
	}
	return f
}

// Push takes a copy of payload. wake is true if the loop is to be told that
// the queue has something to send; it stays false until the loop has drained.
//
// A full State queue gives up its oldest messages, and takes even one that is
// larger than its limit by itself; a Latest message takes the place of the one
// that waits on its channel.
func (q *Queue) Push(channel uint32, intent pipeline.Intent, payload []byte) (o Outcome, wake bool) {
	q.mu.Lock()
	o, wake = q.push(channel, intent, payload, nil)
	q.mu.Unlock()
	return o, wake
}

// PushShared is Push for a payload that goes into several queues. It takes no
// copy; with Queued or Replaced it takes over one of the caller's shares of p,
// which it releases once the message has left the queue.
func (q *Queue) PushShared(channel uint32, intent pipeline.Intent, p *Payload) (o Outcome, wake bool) {
	q.mu.Lock()
	o, wake = q.push(channel, intent, p.bytes, p)
	q.mu.Unlock()
	return o, wake
}

// PushWait is Push for a caller who would rather wait than have a message give
// way, his own or an older one. If room is not nil the message was not taken,
// and room is closed when it is worth trying again.
func (q *Queue) PushWait(channel uint32, intent pipeline.Intent, payload []byte) (o Outcome, wake bool, room <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.worthWaiting(channel, intent, len(payload)) {
		if q.room == nil {
			q.room = make(chan struct{})
		}
		return Full, false, q.room
	}
	o, wake = q.push(channel, intent, payload, nil)
	return o, wake, nil
}

// worthWaiting reports whether a message of n bytes would not be taken now, or
// only in the place of another, and may be later.
func (q *Queue) worthWaiting(channel uint32, intent pipeline.Intent, n int) bool {
	switch {
	case q.closed:
		return false
	case !q.online:
		return q.holding
	case intent == pipeline.Reliable:
		return q.full(intent, n) && q.reliable.len() > 0
	}
	if at, ok := q.waiting(channel, intent); ok {
		return q.overflows(at, n) && q.state.len() > 1
	}
	return q.full(intent, n) && q.state.len() > 0
}

// push queues payload: a copy of it, or shared if that is not nil.
func (q *Queue) push(channel uint32, intent pipeline.Intent, payload []byte, shared *Payload) (o Outcome, wake bool) {
	switch {
	case q.closed:
		return Closed, false
	case !q.online && (intent == pipeline.Realtime || !q.holding):
		return Offline, false
	case intent == pipeline.Reliable:
		o = q.pushReliable(channel, payload, shared)
	default:
		o = q.pushState(channel, intent, payload, shared)
	}
	if o == Queued || o == Replaced {
		q.flow.Pushed++
		q.watched.pushed(channel, intent, payload)
	}
	// In this order, and Waiting in the other: either the loop sees the
	// message, or we see that it has to be told.
	q.publish()
	if o == Full || !q.online || q.ready.Load() {
		return o, false
	}
	q.ready.Store(true)
	return o, true
}

// publish lets the loop see how much waits. The caller holds the lock.
func (q *Queue) publish() {
	q.counts.Store(uint64(q.state.len())<<32 | uint64(q.reliable.len()))
}

func (q *Queue) pushReliable(channel uint32, payload []byte, shared *Payload) Outcome {
	if q.full(pipeline.Reliable, len(payload)) {
		return Full
	}
	q.reliable = use(q.reliable)
	q.reliable.push(item{channel: channel, intent: pipeline.Reliable, shared: shared}, payload)
	return Queued
}

// full reports whether a message of n bytes does not fit.
func (q *Queue) full(intent pipeline.Intent, n int) bool {
	if intent == pipeline.Reliable {
		return q.reliable.len() >= q.limits.ReliableMessages || q.reliable.bytes+n > q.limits.ReliableBytes
	}
	return q.state.len() >= q.limits.StateMessages || q.state.bytes+n > q.limits.StateBytes
}

// Take calls f for each waiting message of the kind, oldest first, until f
// returns false; those for which it returned true are gone. f runs under the
// queue's lock: it must not call the queue or user code, and payload is good
// until it returns. Take returns how many are gone.
func (q *Queue) Take(reliable bool, f func(channel uint32, intent pipeline.Intent, payload []byte) bool) (taken int) {
	q.lockStep()
	defer q.mu.Unlock()
	from, pop := q.state, q.popState
	if reliable {
		from, pop = q.reliable, q.reliable.pop
	}
	before := from.len()
	for from.len() > 0 {
		it := from.front()
		if !f(it.channel, it.intent, from.payload(it)) {
			break
		}
		pop()
	}
	taken = before - from.len()
	if taken > 0 {
		q.flow.Taken += uint64(taken)
		q.publish()
		q.signal()
	}
	return taken
}

// lockStep takes the lock for a step of the core.
func (q *Queue) lockStep() {
	w := q.watched
	if w == nil {
		q.mu.Lock()
		return
	}
	w.by.Step(q, w.peer, w.steps)
	q.mu.Lock()
	w.steps++
}

// Waiting returns how many messages wait, and lets the next Push wake the loop
// again. The loop calls it when it is about to look at the queue. It takes no
// lock.
func (q *Queue) Waiting() (state, reliable int) {
	if q.watched != nil {
		q.lockStep()
		defer q.mu.Unlock()
	}
	if q.ready.Load() {
		q.ready.Store(false)
	}
	return q.Len()
}

// Peek is Waiting without the promise to look: later Pushes stay silent. Both
// are for the core.
func (q *Queue) Peek() (state, reliable int) {
	if q.watched != nil {
		q.lockStep()
		defer q.mu.Unlock()
	}
	return q.Len()
}

// Len is Peek for anybody: nothing may depend on it that a Watcher should
// follow.
func (q *Queue) Len() (state, reliable int) {
	n := q.counts.Load()
	return int(n >> 32), int(n & (1<<32 - 1))
}

// Warm has the processor fetch the queue, for a caller who is about to push to
// several that are not in its caches.
func (q *Queue) Warm() { q.counts.Load() }

// Trim gives back the memory of a queue that is empty and has been since the
// last Trim. It is for whoever comes by now and then: a queue that is filled and
// emptied all the time keeps its buffers.
func (q *Queue) Trim() {
	q.lockStep()
	defer q.mu.Unlock()
	if q.state.trim() {
		q.latest = nil
	}
	q.reliable.trim()
}

// Bytes returns the payload bytes that wait.
func (q *Queue) Bytes() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.state.bytes + q.reliable.bytes
}

// Message is one Reliable message that goes back into a queue.
type Message struct {
	Channel uint32
	Payload []byte
}

// Restore puts Reliable messages that had been taken, oldest first, back in
// front of the others, beyond the limits if need be. It copies the payloads. A
// closed queue gives them up; Restore returns their number.
func (q *Queue) Restore(messages []Message) (dropped int) {
	q.lockStep()
	defer q.mu.Unlock()
	q.flow.Restored += uint64(len(messages))
	if q.closed {
		q.flow.GivenUp += uint64(len(messages))
		return len(messages)
	}
	if len(messages) == 0 {
		return 0
	}
	f := new(fifo)
	for _, m := range messages {
		f.push(item{channel: m.Channel, intent: pipeline.Reliable}, m.Payload)
	}
	for q.reliable.len() > 0 {
		it := q.reliable.front()
		f.push(item{channel: it.channel, intent: pipeline.Reliable}, q.reliable.payload(it))
		q.reliable.pop()
	}
	q.reliable = f
	q.publish()
	return 0
}

// SetHolding says whether Latest and Reliable messages are kept for a peer that
// is not connected, as they are for one that will be dialled again. Those that
// wait already stay until SetOnline(false).
func (q *Queue) SetHolding(holding bool) {
	q.lockStep()
	defer q.mu.Unlock()
	q.holding = holding
	q.signal()
}

// SetOnline says whether the peer is connected. Going offline gives up waiting
// Realtime messages, which would be stale by the time that the peer is back,
// or all messages if the queue is not holding; it returns their number.
func (q *Queue) SetOnline(online bool) (dropped int) {
	q.lockStep()
	defer q.mu.Unlock()
	q.online = online
	if online {
		q.signal()
		return 0
	}
	q.ready.Store(false)
	if q.holding {
		dropped = q.dropRealtime()
	} else {
		dropped = q.state.len() + q.reliable.len()
		q.state, q.reliable, q.latest = &none, &none, nil
	}
	q.flow.GivenUp += uint64(dropped)
	q.publish()
	q.signal()
	return dropped
}

// Close refuses all further messages, gives up those that wait and returns
// their number. Waiters wake.
func (q *Queue) Close() (dropped int) {
	q.lockStep()
	defer q.mu.Unlock()
	dropped = q.state.len() + q.reliable.len()
	q.closed = true
	q.state, q.reliable, q.latest = &none, &none, nil
	q.flow.GivenUp += uint64(dropped)
	q.publish()
	q.signal()
	return dropped
}

// signal wakes those who wait for room. The caller holds the lock.
func (q *Queue) signal() {
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// Flow counts the messages that have gone through a queue since it was made.
// Each that came, Pushed or Restored, waits or is one of the others: Taken,
// Superseded by a newer one of its Latest channel, Displaced from a full queue, or
// GivenUp with its session or its peer.
type Flow struct {
	Pushed, Restored                      uint64
	Taken, Superseded, Displaced, GivenUp uint64
}

// Flow returns the counts so far, and how many messages wait.
func (q *Queue) Flow() (f Flow, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.flow, q.state.len() + q.reliable.len()
}

// Drops returns how many messages have given way: superseded by a newer one on
// their Latest channel, or displaced from a full queue.
func (q *Queue) Drops() (superseded, displaced uint64) {
	f, _ := q.Flow()
	return f.Superseded, f.Displaced
}
