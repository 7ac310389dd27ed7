package intentra

import "github.com/intentra/intentra/conn"

// workerQueue is how many handshake jobs may be out at a time.
const workerQueue = 64

// runWorker does the public-key work of handshakes, so that no packet waits
// for it. There is one worker: handshakes may slow each other down, but never
// take more than one core from those who are connected.
func (t *Transport) runWorker() {
	for j := range t.work {
		t.runJob(j)
	}
}

// runJob gives the job back in any case, and has another worker go on if Authorize
// ends this one (runtime.Goexit).
func (t *Transport) runJob(j *conn.Job) {
	ended := false
	defer func() {
		t.inbox.Lock()
		t.results = append(t.results, j)
		t.inbox.Unlock()
		t.wake()
		if !ended {
			go t.runWorker()
		}
	}()
	j.Run()
	ended = true
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
