package sendq

import "github.com/intentra/intentra/pipeline"

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
	// the queue's lock and must not call the queue. payload is valid until it
	// returns.
	Pushed(peer, n uint64, channel uint32, intent pipeline.Intent, payload []byte)
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
func (w *watched) pushed(channel uint32, intent pipeline.Intent, payload []byte) {
	if w != nil {
		w.by.Pushed(w.peer, w.steps, channel, intent, payload)
	}
}
