// Package sendq implements the bounded queue of messages to be sent to one peer. It
// is shared by the application's goroutines and the event loop.
//
// It is the only part of the protocol core with a lock. The lock is held while one
// message is appended or one packet is filled, but never during I/O, a callback
// into user code or a wait, so that neither side can block the other. Thus a caller
// learns at once whether its message is queued.
package sendq

import (
	"sync"
	"sync/atomic"

	"github.com/intentra/intentra/pipeline"
)

// Outcome is the result of Push for a message.
type Outcome uint8

const (
	// Queued means that the message was queued.
	Queued Outcome = iota + 1
	// Replaced means that the message was queued and an older one was dropped.
	Replaced
	// Full means that the message was rejected because the queue is full of
	// Reliable messages.
	Full
	// Closed means that the message was rejected because the peer is closed.
	Closed
	// Offline means that the message was rejected because the peer is not
	// connected, and the message is Realtime or the peer is not dialled by this
	// side.
	Offline
)

// Limits are the limits of a queue. State means Realtime and Latest together.
type Limits struct {
	StateMessages, StateBytes       int
	ReliableMessages, ReliableBytes int
}

// Queue holds the messages to be sent to a peer: State (Realtime and Latest), of
// which it keeps the newest, and Reliable, of which it keeps the oldest. It is safe
// for concurrent use. Use New; the zero value is not valid.
type Queue struct {
	mu sync.Mutex

	// The loop reads these without the lock. counts has the number of State
	// messages in the high half and of Reliable ones in the low half. ready means
	// that the loop was woken and has not called Waiting since.
	counts atomic.Uint64
	ready  atomic.Bool

	online   bool
	holding  bool // queue messages while the peer is not connected
	closed   bool
	state    *fifo // &none until the first message
	reliable *fifo
	latest   map[uint32]uint64 // position in state by channel
	limits   Limits
	room     chan struct{} // closed when there is room again; nil without waiters

	flow Flow

	watched *watched // nil without a Watcher
}

// New returns an empty queue of a peer that is not connected.
func New(l Limits) *Queue { return &Queue{limits: l, state: &none, reliable: &none} }

// none is shared by all queues that never held a message, because of many peers
// most only listen. It is never written.
var none fifo

// use returns f, or a new fifo if f is nil.
func use(f *fifo) *fifo {
	if f == &none {
		return new(fifo)
	}
	return f
}

// Push queues a copy of payload. wake is true if the caller must wake the loop.
// After that it is false until the loop has called Waiting.
//
// If the State queue is full its oldest messages are dropped; it accepts even a
// single message larger than its limit. A Latest message replaces the queued one of
// its channel.
func (q *Queue) Push(channel uint32, intent pipeline.Intent, payload []byte) (o Outcome, wake bool) {
	q.mu.Lock()
	o, wake = q.push(channel, intent, payload, nil)
	q.mu.Unlock()
	return o, wake
}

// PushShared is like Push for a payload shared by several queues. It makes no copy.
// If the outcome is Queued or Replaced it takes over one of the caller's shares of
// p, which is released when the message leaves the queue.
func (q *Queue) PushShared(channel uint32, intent pipeline.Intent, p *Payload) (o Outcome, wake bool) {
	q.mu.Lock()
	o, wake = q.push(channel, intent, p.bytes, p)
	q.mu.Unlock()
	return o, wake
}

// PushWait is like Push for a caller that prefers waiting to losing this message or
// an older one. If room is not nil, the message was not queued, and the caller may
// try again when room is closed.
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

// worthWaiting reports whether a message of n bytes would now be rejected or cause
// the loss of another one, but may be queued later.
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

// push queues shared, or a copy of payload if shared is nil.
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
	// Publish the message before reading ready. Waiting uses the opposite order,
	// so that either the loop sees the message or we see that it must be woken.
	q.publish()
	if o == Full || !q.online || q.ready.Load() {
		return o, false
	}
	q.ready.Store(true)
	return o, true
}

// publish updates counts. The caller holds the lock.
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

// Take calls f for each Reliable or each State message, oldest first, until f
// returns false. It removes the messages for which f returned true, and returns
// their number. f runs under the queue's lock, and must call neither the queue nor
// user code. payload is valid until f returns.
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

// lockStep acquires the lock for a step of the core (see Watcher).
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

// Waiting returns the number of queued messages, and makes the next Push wake the
// loop. The loop calls it before it takes messages. It does not lock the queue,
// unless there is a Watcher.
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

// Peek returns the number of queued messages without any effect on later Pushes.
// Only the core may call Peek and Waiting.
func (q *Queue) Peek() (state, reliable int) {
	if q.watched != nil {
		q.lockStep()
		defer q.mu.Unlock()
	}
	return q.Len()
}

// Len is like Peek, for callers outside the core. A Watcher does not see the call, so
// the core's behaviour must not depend on it.
func (q *Queue) Len() (state, reliable int) {
	n := q.counts.Load()
	return int(n >> 32), int(n & (1<<32 - 1))
}

// Warm prefetches the queue into the processor's cache. It is for a caller that will
// push to several queues.
func (q *Queue) Warm() { q.counts.Load() }

// Trim frees the memory of a queue that has been empty since the last Trim. It is
// meant to be called periodically: a queue in use keeps its buffers.
func (q *Queue) Trim() {
	q.lockStep()
	defer q.mu.Unlock()
	if q.state.trim() {
		q.latest = nil
	}
	q.reliable.trim()
}

// Bytes returns the number of queued payload bytes.
func (q *Queue) Bytes() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.state.bytes + q.reliable.bytes
}

// Message is a Reliable message for Restore.
type Message struct {
	Channel uint32
	Payload []byte
}

// Restore returns Reliable messages that were taken to the front of the queue, in
// the given order. It copies the payloads and ignores the limits. A closed queue
// drops them. Restore returns the number of dropped messages.
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

// SetHolding sets whether Latest and Reliable messages are queued while the peer is
// not connected, as for a peer that will be dialled again. It does not affect
// messages already queued, which remain until SetOnline(false).
func (q *Queue) SetHolding(holding bool) {
	q.lockStep()
	defer q.mu.Unlock()
	q.holding = holding
	q.signal()
}

// SetOnline sets whether the peer is connected. When it disconnects, queued Realtime
// messages are dropped, because they would be stale when it returns. If the queue is
// not holding, all messages are dropped. SetOnline returns the number of dropped
// messages.
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

// Close rejects all further messages, drops the queued ones, returns their number,
// and wakes waiters.
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

// signal wakes the callers that wait for room. The caller holds the lock.
func (q *Queue) signal() {
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// Flow counts the messages of a queue since it was created. Each Pushed or Restored
// message is either queued or counted as Taken, Superseded by a newer one of its
// Latest channel, Displaced from a full queue, or GivenUp with its session or peer.
type Flow struct {
	Pushed, Restored                      uint64
	Taken, Superseded, Displaced, GivenUp uint64
}

// Flow returns the counts, and the number of queued messages.
func (q *Queue) Flow() (f Flow, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.flow, q.state.len() + q.reliable.len()
}

// Drops returns the numbers of superseded and displaced messages (see Flow).
func (q *Queue) Drops() (superseded, displaced uint64) {
	f, _ := q.Flow()
	return f.Superseded, f.Displaced
}
