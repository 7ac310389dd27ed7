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
	// Full means that the message was rejected because the queue is full of Reliable
	// messages, or of decisions that the loop has not taken.
	Full
	// Closed means that the message was rejected because the peer is closed.
	Closed
	// Offline means that the message was rejected because the peer is not
	// connected, and the message is Realtime or the peer is not dialled by this
	// side.
	Offline
)

// Limits are the limits of a queue, each at most 2^30. State means Realtime and Latest
// together.
type Limits struct {
	StateMessages, StateBytes       int
	ReliableMessages, ReliableBytes int
}

// limits are Limits in half of the memory, since queues are many.
type limits struct{ stateMessages, stateBytes, reliableMessages, reliableBytes int32 }

// Queue holds the messages to be sent to a peer: State (Realtime and Latest), of
// which it keeps the newest, and Reliable, of which it keeps the oldest. It is safe
// for concurrent use. Use New; the zero value is not valid.
type Queue struct {
	// The fields that each message needs come first, in two cache lines of 64 bytes.
	mu sync.Mutex

	// The loop reads these without the lock. counts has the number of State
	// messages in the high half and of Reliable ones in the low half, and a flag at
	// the top of each. ready means that the loop was woken and has not called Waiting
	// since.
	counts atomic.Uint64
	ready  atomic.Bool

	online        atomic.Bool // written under mu
	holding       bool        // queue messages while the peer is not connected
	closed        bool
	reading       bool  // there may be more to read of the log; see below
	withheld      bool  // the latest Take has left a message that follows unread messages of the log
	charged       int32 // bytes charged to budget
	state         *fifo // of priority Normal; &none until the first message
	limits        limits
	pushed, taken uint64   // of Flow
	rare          *rare    // nil until a message has a priority or a Mark
	watched       *watched // nil without a Watcher
	log           *Log     // nil without one
	budget        *Budget  // shared with other queues, or nil
	reliable      *fifo
	latest        map[uint32]uint64 // position in state, or its like in ranks, by channel
	seldom        *seldom           // nil until it is needed

	room chan struct{} // closed when there is room again; nil without waiters

	// What the queue reads from the log of its endpoint. The log guards slot, and only the
	// loop uses the others.
	slot  uint16 // in the batch that is filled, if it has a place there
	place uint16 // in the batch that is read
	next  uint16 // index of the next message to read

	// Owner is for the loop's own use.
	Owner any
}

// seldom is what most queues do not have.
type seldom struct {
	restored, superseded, displaced, expired, givenUp uint64 // of Flow

	lent loan
}

// loan is the argument of Lend.
type loan struct{ messages, bytes int32 }

// uncommon returns q.seldom, which it makes if need be.
func (q *Queue) uncommon() *seldom {
	if q.seldom == nil {
		q.seldom = new(seldom)
	}
	return q.seldom
}

// lent returns the argument of Lend.
func (q *Queue) lent() loan {
	if q.seldom == nil {
		return loan{}
	}
	return q.seldom.lent
}

// Flags of counts.
const (
	flagNews   = 1 << 31 // rare.news
	flagRanked = 1 << 63 // rare.ranked
)

// New returns an empty queue of a peer that is not connected. It reads from log, unless
// that is nil.
func New(l Limits, log *Log) *Queue {
	q := new(Queue)
	q.Init(l, log)
	return q
}

// Init makes the zero Queue one as from New, for a Queue that is a field.
func (q *Queue) Init(l Limits, log *Log) {
	q.state, q.reliable, q.log = &none, &none, log
	q.limits = limits{int32(l.StateMessages), int32(l.StateBytes), int32(l.ReliableMessages), int32(l.ReliableBytes)}
}

// Ready reports whether q is from New or was set up by Init, for at least one state. It
// may be called without the lock, because it reads a field that never changes afterwards.
func (q *Queue) Ready() bool { return q.limits.stateMessages != 0 }

// none is shared by all queues that never held a message, because of many peers
// most only listen. It is never written.
var none fifo

// Push queues a copy of m. wake is true if the caller must wake the loop. After that it
// is false until the loop has called Waiting, except for a message with a Mark, about
// which the loop must call Attend.
//
// If the State queue is full, the oldest messages of the lowest priority are dropped that
// has more than its share; it accepts even a single message larger than its limit. A
// Latest message replaces the queued one of its channel. A message leaves after all that
// are queued before it on its channel, whatever their priorities.
func (q *Queue) Push(m *Message) (o Outcome, wake bool) {
	q.mu.Lock()
	o, wake = q.push(m, nil)
	q.mu.Unlock()
	return o, wake
}

// PushShared is like Push for a payload shared by several queues, in place of that of
// m. It makes no copy. If the outcome is Queued or Replaced it takes over one of the
// caller's shares of p, which is released when the message leaves the queue.
func (q *Queue) PushShared(m *Message, p *Payload) (o Outcome, wake bool) {
	q.mu.Lock()
	m.Payload = p.bytes
	o, wake = q.push(m, p)
	if o == Queued || o == Replaced {
		p.charge(q.budget)
	}
	q.mu.Unlock()
	return o, wake
}

// PushWait is like Push for a caller that prefers waiting to losing this message or
// an older one. If room is not nil, the message was not queued, and the caller may
// try again when room is closed.
func (q *Queue) PushWait(m *Message) (o Outcome, wake bool, room <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.worthWaiting(m) {
		if q.room == nil {
			q.room = make(chan struct{})
		}
		return Full, false, q.room
	}
	o, wake = q.push(m, nil)
	return o, wake, nil
}

// worthWaiting reports whether m would now be rejected or cause the loss of another
// message, but may be queued later.
func (q *Queue) worthWaiting(m *Message) bool {
	switch {
	case q.closed:
		return false
	case !q.online.Load():
		return q.holding
	case q.undecidable(m):
		return true
	case m.Intent == pipeline.Reliable:
		return (q.full(m.Intent, len(m.Payload)) || !q.affords(m, nil)) && (q.reliableLen() > 0 || q.lent().messages > 0)
	}
	if f, at, ok := q.waiting(m); ok {
		return q.overflows(f, at, len(m.Payload)) && q.stateLen() > 1
	}
	return (q.full(m.Intent, len(m.Payload)) || !q.affords(m, nil)) && q.stateLen() > 0
}

// push queues m, with the payload shared, or a copy of its own if shared is nil.
func (q *Queue) push(m *Message, shared *Payload) (o Outcome, wake bool) {
	switch {
	case q.closed:
		return Closed, false
	case !q.keeps(m.Intent):
		return Offline, false
	case m.Token != 0 && q.undecidable(m):
		return Full, false
	case m.Intent == pipeline.Reliable:
		o = q.pushReliable(m, shared)
	case q.plain(m, shared):
		it, _ := q.state.push(m.Channel, m.Intent, pipeline.Normal, m.Payload, shared)
		it.after = q.log.written()
		o = Queued
	default:
		o = q.pushState(m, shared, q.log.written())
	}
	if o == Queued || o == Replaced {
		q.pushed++
		q.watched.pushed(m)
	}
	// Publish the message before reading ready. Waiting uses the opposite order,
	// so that either the loop sees the message or we see that it must be woken.
	q.publish()
	if q.rare != nil && q.rare.news && !q.rare.called {
		q.rare.called = true
		wake = true
	}
	if o == Full || !q.online.Load() || q.ready.Load() {
		return o, wake
	}
	q.ready.Store(true)
	return o, true
}

// keeps reports whether the connection of the peer allows to queue a message.
func (q *Queue) keeps(intent pipeline.Intent) bool {
	return q.online.Load() || q.holding && intent != pipeline.Realtime
}

// publish updates counts. The caller holds the lock.
func (q *Queue) publish() {
	n := uint64(q.stateLen())<<32 | uint64(q.reliableLen())
	if r := q.rare; r != nil {
		if r.news {
			n |= flagNews
		}
		if r.ranked {
			n |= flagRanked
		}
	}
	q.counts.Store(n)
}

func (q *Queue) pushReliable(m *Message, shared *Payload) Outcome {
	if q.full(pipeline.Reliable, len(m.Payload)) || !q.affords(m, shared) {
		return Full
	}
	q.append(m, q.priorityOf(m), shared, 0)
	q.account()
	return Queued
}

// plain reports whether m is a Realtime message as most are, for which nothing has to
// be allocated, displaced or noted.
func (q *Queue) plain(m *Message, shared *Payload) bool {
	f := q.state
	return m.Intent == pipeline.Realtime && q.rare == nil && m.Priority == pipeline.Normal && !m.marked() &&
		f.vacant(len(m.Payload), shared != nil) && f.len() < int(q.limits.stateMessages) && f.bytes+len(m.Payload) <= int(q.limits.stateBytes)
}

// append queues m, with the priority p, at the end of the fifo where it belongs. after
// is that of the Item.
func (q *Queue) append(m *Message, p pipeline.Priority, shared *Payload, after uint64) (f *fifo, at uint64) {
	q.enter(m, p)
	slot := q.fifo(m.Intent == pipeline.Reliable, p)
	if *slot == &none {
		*slot = newFifo(p)
	}
	f = *slot
	it, at := f.push(m.Channel, m.Intent, p, m.Payload, shared)
	if m.marked() {
		it.extra = q.extra(m)
	}
	it.after = after
	return f, at
}

// full reports whether a message of n bytes does not fit.
func (q *Queue) full(intent pipeline.Intent, n int) bool {
	if intent == pipeline.Reliable {
		lent := q.lent()
		return q.reliableLen()+int(lent.messages) >= int(q.limits.reliableMessages) ||
			q.reliableBytes()+int(lent.bytes)+n > int(q.limits.reliableBytes)
	}
	return q.stateLen() >= int(q.limits.stateMessages) || q.stateBytes()+n > int(q.limits.stateBytes)
}

// Lend charges the queue for Reliable messages that were taken and are not sent yet. They
// count towards its limits until Lend is called with less.
func (q *Queue) Lend(messages, bytes int) {
	q.lockStep()
	defer q.mu.Unlock()
	q.uncommon().lent = loan{int32(messages), int32(bytes)}
	q.signal()
}

// Waiting returns the number of queued messages, and whether they have more than one
// priority. It makes the next Push wake the loop, which calls it before it takes
// messages. It does not lock the queue, unless there is a Watcher.
func (q *Queue) Waiting() (state, reliable int, ranked bool) {
	if q.watched != nil {
		q.lockStep()
		defer q.mu.Unlock()
	}
	if q.ready.Load() {
		q.ready.Store(false)
	}
	n := q.counts.Load()
	state, reliable = lengths(n)
	return state, reliable, n&flagRanked != 0
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
func (q *Queue) Len() (state, reliable int) { return lengths(q.counts.Load()) }

func lengths(counts uint64) (state, reliable int) {
	return int(counts >> 32 & (1<<31 - 1)), int(counts & (1<<31 - 1))
}

// Warm prefetches the queue into the processor's cache. It is for a caller that will
// push to several queues.
func (q *Queue) Warm() { q.counts.Load() }

// Trim frees the memory of a queue that has been empty since the last Trim. It is
// meant to be called periodically: a queue in use keeps its buffers.
func (q *Queue) Trim() {
	q.lockStep()
	defer q.mu.Unlock()
	if trim(&q.state) && q.stateLen() == 0 {
		q.latest = nil
	}
	trim(&q.reliable)
	q.trimRare()
	q.account()
}

// Bytes returns the number of queued payload bytes.
func (q *Queue) Bytes() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stateBytes() + q.reliableBytes()
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
	if !online {
		q.spill()
	}
	q.online.Store(online)
	if online {
		q.signal()
		return 0
	}
	q.ready.Store(false)
	if q.holding {
		dropped = q.dropRealtime()
	} else {
		dropped = q.dropAll()
		q.account()
	}
	q.countGivenUp(dropped)
	q.publish()
	q.signal()
	return dropped
}

// Close rejects all further messages, drops the queued ones, returns their number,
// and wakes waiters.
func (q *Queue) Close() (dropped int) {
	q.lockStep()
	defer q.mu.Unlock()
	refused := q.spill()
	q.online.Store(false) // for Log.To
	q.closed = true
	dropped = q.dropAll()
	q.account()
	q.countGivenUp(dropped)
	q.publish()
	q.signal()
	return dropped + refused
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
// Latest channel, Displaced from a full queue, Expired, or GivenUp with its session or
// peer.
type Flow struct {
	Pushed, Restored                               uint64
	Taken, Superseded, Displaced, Expired, GivenUp uint64
}

func (q *Queue) countGivenUp(n int) {
	if n > 0 {
		q.uncommon().givenUp += uint64(n)
	}
}

// Flow returns the counts, and the number of queued messages.
func (q *Queue) Flow() (f Flow, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f.Pushed, f.Taken = q.pushed, q.taken
	if s := q.seldom; s != nil {
		f.Restored, f.Superseded, f.Displaced, f.Expired, f.GivenUp = s.restored, s.superseded, s.displaced, s.expired, s.givenUp
	}
	return f, q.stateLen() + q.reliableLen() - q.notices()
}

// Drops returns the numbers of superseded and displaced messages (see Flow).
func (q *Queue) Drops() (superseded, displaced uint64) {
	f, _ := q.Flow()
	return f.Superseded, f.Displaced
}
