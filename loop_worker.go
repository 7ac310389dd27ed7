package intentra

import (
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/callback"
)

// workerQueue is the largest number of handshake jobs handed to the worker and not
// yet back.
const workerQueue = 64

// runWorker does the public-key operations of handshakes, so that packets do not
// wait for them. There is one worker: handshakes delay each other, but never take
// more than one core.
func (t *Transport) runWorker() {
	callback.Worker.Mark()
	var at *conn.Job // the job that is running
	defer func() {
		if at == nil {
			return
		}
		// Authorize has ended its goroutine by runtime.Goexit, as a failed assertion
		// of a test does. The key is refused, and another worker takes over.
		t.panics.Add(1)
		t.giveBack(at)
		go t.runWorker()
		t.cfg.Logger.Error("runtime.Goexit in Authorize") // last: the handler may call it again
	}()
	for j := range t.work {
		at = j
		j.Run()
		at = nil
		t.giveBack(j)
	}
}

// giveBack returns a finished job to the loop.
func (t *Transport) giveBack(j *conn.Job) {
	t.inbox.Lock()
	t.results = append(t.results, j)
	t.inbox.Unlock()
	t.wake()
}

// startJobs hands jobs to the worker. It never blocks, because it counts the jobs
// that are not yet back and stops at the size of the worker's queue. Further jobs
// stay in the core, whose table of handshakes bounds their number.
func (t *Transport) startJobs() {
	for t.working < workerQueue {
		j := t.core.PollJob()
		if j == nil {
			return
		}
		t.working++
		t.work <- j
	}
}
