package main

import (
	"io"
	"sync"
)

// maxPending is the bytes that may wait for a reader of our output.
const maxPending = 64 << 20

// lineQueue carries lines from an event loop, which must not wait, to a writer
// that may have to. All methods may be called from any goroutine.
type lineQueue struct {
	mu      sync.Mutex
	pending []byte
	closed  bool
	limit   int           // bytes
	ready   chan struct{} // holds a token if there is something to do
}

func newLineQueue(limit int) *lineQueue {
	return &lineQueue{limit: limit, ready: make(chan struct{}, 1)}
}

// add queues a copy of line. It reports false, and has not queued it, if the
// reader is too far behind or the queue is closed.
func (q *lineQueue) add(line []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.pending)+len(line)+1 > q.limit {
		return false
	}
	q.pending = append(append(q.pending, line...), '\n')
	q.signal()
	return true
}

// close makes writeTo return once all is written.
func (q *lineQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *lineQueue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// writeTo writes lines to w as they come, each batch with a single Write. It
// returns after close, or at the first error; then the queue takes no more.
func (q *lineQueue) writeTo(w io.Writer) error {
	var batch []byte
	for range q.ready {
		q.mu.Lock()
		batch, q.pending = q.pending, batch[:0]
		closed := q.closed
		q.mu.Unlock()
		if len(batch) > 0 {
			if _, err := w.Write(batch); err != nil {
				q.close()
				return err
			}
		}
		if closed {
			return nil
		}
	}
	return nil
}
