package conn

import (
	"net/netip"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Job is public-key work of a handshake or rekey, which the driver runs on another
// goroutine so that no packet waits for it. While it runs, it alone uses its
// handshake's state, and it uses nothing else of the endpoint.
type Job struct {
	number uint64
	owner  jobOwner
	work   func(*Job)

	initiator *noise.Initiator
	responder *noise.Responder

	ephemeral  [KeySize]byte // private, until the machine has it
	in, out    []byte
	local      netip.Addr // of message 3
	hello      wire.Hello
	index      uint32 // of a rekey
	keys       *noise.Keys
	authorized bool
	generation uint64
	err        error
}

// jobOwner takes its job back after it has been run.
type jobOwner interface {
	finished(e *Endpoint, j *Job, now pipeline.Time)
}

// Run does the work, including a call of Config.Authorize. It may be called from any
// goroutine, once. Then the driver passes the job to [Endpoint.HandleJob], even if
// Authorize ended the goroutine (runtime.Goexit), which counts as a refusal.
func (j *Job) Run() {
	j.checked()
	defer func() {
		if r := recover(); r != nil {
			j.err = panicError{r}
		}
	}()
	j.work(j)
}

// Answered reports the result of Authorize in a job that has been run, and whether
// the job panicked. It is for recordings.
func (j *Job) Answered() (authorized, panicked bool) {
	j.checked()
	_, panicked = j.err.(panicError)
	return j.authorized, panicked
}

// PollJob returns the next job to run, or nil.
func (e *Endpoint) PollJob() *Job {
	e.checked()
	if len(e.jobs) == 0 {
		return nil
	}
	j := e.jobs[0]
	e.jobs[0], e.jobs = nil, e.jobs[1:] // not copied down: there may be thousands
	return j
}

// HandleJob processes the result of a job that has been run. Jobs may come back in
// any order.
func (e *Endpoint) HandleJob(j *Job, now pipeline.Time) {
	e.checked()
	j.checked()
	if p, ok := j.err.(panicError); ok {
		e.panicked("handshake", p.value)
	}
	e.worker.finished(now)
	j.owner.finished(e, j, now)
	e.closeMarked(now)
}

// wipe overwrites the secrets of a job whose result is not used.
func (j *Job) wipe() {
	clear(j.ephemeral[:])
	j.initiator.Wipe()
	j.responder.Wipe()
	if j.keys != nil {
		j.keys.Wipe()
	}
}

func (e *Endpoint) submit(j *Job) {
	j.number = e.jobsMade
	e.jobsMade++
	e.jobs = append(e.jobs, j)
	e.worker.submitted()
}

// Number returns the job's number. An endpoint's jobs are numbered from zero, in the
// order in which PollJob returns them.
func (j *Job) Number() uint64 { return j.checked().number }

// panicError is a panic in a job, most likely in the user's Authorize.
type panicError struct{ value any }

func (panicError) Error() string { return "conn: panic in a handshake job" }
