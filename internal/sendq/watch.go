package sendq

// Watcher observes the queues of one endpoint. A journal records the pushed
// messages, and a replay pushes them again.
//
// Pushes come from any goroutine, and their order relative to the core's accesses
// determines what the core sees. Therefore each access by the core is a step with a
// number, counted from zero, and each push is assigned to the first step that sees
// it.
type Watcher interface {
	// Step is called on the core's goroutine before step n of the peer's queue
	// q. It may push.
	Step(q *Queue, peer, n uint64)
	// Pushed is called for each message queued before step n. It is called under
	// the queue's lock and must not call the queue. The payload is valid until it
	// returns.
	Pushed(peer, n uint64, m Message)
	// Displaced is called, like Pushed, if the Budget made the queue drop State
	// messages: count of them, before the message that follows.
	Displaced(peer, n uint64, count int)
}

// watched is the Watcher of a queue, with the queue's identity.
type watched struct {
	by    Watcher
	peer  uint64
	steps uint64 // of the core so far; written under the lock
}

// Watch makes w, unless it is nil, observe the queue of the peer with the given
// number. It must be called before the queue is used.
func (q *Queue) Watch(w Watcher, peer uint64) {
	if w != nil {
		q.watched = &watched{by: w, peer: peer}
	}
}

// Peer returns the number passed to Watch, or zero without a Watcher.
func (q *Queue) Peer() uint64 {
	if q.watched == nil {
		return 0
	}
	return q.watched.peer
}

// pushed reports a queued message to the Watcher. The caller holds the lock.
func (w *watched) pushed(m *Message) {
	if w != nil {
		w.by.Pushed(w.peer, w.steps, *m)
	}
}

// displaced reports to the Watcher that the budget made the queue drop messages. The
// caller holds the lock.
func (w *watched) displaced(count int) {
	if w != nil && count > 0 {
		w.by.Displaced(w.peer, w.steps, count)
	}
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
