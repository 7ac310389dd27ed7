package conn

import (
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Job is public-key work that the event loop hands to a worker, so that no
// packet waits for it. It touches nothing of the endpoint but the handshake
// machine that it was made for, which the endpoint leaves alone meanwhile.
type Job struct {
	number uint64
	owner  jobOwner
	work   func(*Job)

	initiator *noise.Initiator
	responder *noise.Responder

	ephemeral  [KeySize]byte // private, until the machine has it
	in, out    []byte
	hello      wire.Hello
	index      uint32 // of a rekey
	keys       *noise.Keys
	authorized bool
	generation uint64
	err        error
}

// jobOwner gets the finished job back.
type jobOwner interface {
	finished(e *Endpoint, j *Job, now pipeline.Time)
}

// Run does the work. It may be called from any goroutine, once; then the job
// goes back through HandleJob, also if Authorize has ended its goroutine in it
// (runtime.Goexit): that is a no.
func (j *Job) Run() {
	defer func() {
		if r := recover(); r != nil {
			j.err = panicError{r}
		}
	}()
	j.work(j)
}

// Answered reports what Authorize has said in a job that has been run, and
// whether that, or anything else in it, has panicked.
func (j *Job) Answered() (authorized, panicked bool) {
	_, panicked = j.err.(panicError)
	return j.authorized, panicked
}

// PollJob returns the next job to be run, nil if there is none.
func (e *Endpoint) PollJob() *Job {
	if len(e.jobs) == 0 {
		return nil
	}
	j := e.jobs[0]
	e.jobs[0], e.jobs = nil, e.jobs[1:] // not moved down: thousands may wait
	return j
}

// HandleJob takes a job back that has been run.
func (e *Endpoint) HandleJob(j *Job, now pipeline.Time) {
	if p, ok := j.err.(panicError); ok {
		e.panicked("handshake", p.value)
	}
	j.owner.finished(e, j, now)
	e.closeMarked(now)
}

// wipe overwrites what a job brings that nobody will use.
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
}

// Number numbers the endpoint's jobs from zero, in the order in which PollJob
// returns them.
func (j *Job) Number() uint64 { return j.number }

// panicError is a panic in a job, most likely in the user's Authorize.
type panicError struct{ value any }

func (panicError) Error() string { return "conn: panic in a handshake job" }
