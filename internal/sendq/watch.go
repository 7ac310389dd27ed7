package sendq

import "github.com/intentra/intentra/pipeline"

// Watcher follows the queues of one endpoint: a journal that writes down what
// is pushed, or a replay that pushes the same again.
//
// Pushes come from any goroutine, and what the core sees of a queue depends on
// which of them came first. So each look at the queue or change of it by the
// core, a step, has a number, from zero on; a push belongs before the first step
// that sees it.
type Watcher interface {
	// Step is called on the core's goroutine before it takes step n of the peer's
	// queue q. It may push.
	Step(q *Queue, peer, n uint64)
	// Pushed is told of a message that was taken before step n, under the
	// queue's lock: it must not call the queue. payload is good until it returns.
	Pushed(peer, n uint64, channel uint32, intent pipeline.Intent, payload []byte)
}

// watched is by whom a queue is followed.
type watched struct {
	by    Watcher
	peer  uint64
	steps uint64 // the core's; written under the lock
}

// Watch has w, if it is not nil, follow the queue, which is that of the peer with
// the number. It is called before the queue is used.
func (q *Queue) Watch(w Watcher, peer uint64) {
	if w != nil {
		q.watched = &watched{by: w, peer: peer}
	}
}

// Peer returns the number given to Watch, zero without a Watcher.
func (q *Queue) Peer() uint64 {
	if q.watched == nil {
		return 0
	}
	return q.watched.peer
}

// pushed tells of a message that was taken. The caller holds the lock.
func (w *watched) pushed(channel uint32, intent pipeline.Intent, payload []byte) {
	if w != nil {
		w.by.Pushed(w.peer, w.steps, channel, intent, payload)
	}
}
