package intentra

import (
	"github.com/intentra/intentra/conn"
)

// workerQueue is how many handshake jobs may be out at a time.
const workerQueue = 64

// runWorker does the public-key work of handshakes, so that no packet waits
// for it. There is one worker: handshakes may slow each other down, but never
// take more than one core from those who are connected.
func (t *Transport) runWorker() {
	var at *conn.Job // the one that has not returned
	defer func() {
		if at == nil {
			return
		}
		// Authorize has ended its goroutine, as a failed assertion of a test does.
		// That is a no, and another worker takes over.
		t.panics.Add(1)
		t.cfg.Logger.Error("runtime.Goexit in Authorize")
		t.giveBack(at)
		go t.runWorker()
	}()
	for j := range t.work {
		at = j
		j.Run()
		at = nil
		t.giveBack(j)
	}
}

// giveBack leaves a job that is at an end for the loop.
func (t *Transport) giveBack(j *conn.Job) {
	t.inbox.Lock()
	t.results = append(t.results, j)
	t.inbox.Unlock()
	t.wake()
}

// startJobs hands jobs to the worker, as many as its queue takes: no more are out
// than fit there, so this never blocks the loop. The others wait in the core,
// which bounds them by its table of handshakes.
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
