package conn

import (
	"time"

	"github.com/intentra/intentra/pipeline"
)

// workerPace measures how long the worker takes for a job: the time between two
// results, if more jobs were out in between. So it needs no clock in the worker, and
// says nothing new of a worker that is idle most of the time. The zero value is ready to
// use.
type workerPace struct {
	each time.Duration // smoothed
	out  int           // jobs without a result
	last pipeline.Time // of a result, if jobs were still out then
	busy bool
}

func (w *workerPace) submitted() { w.out++ }

func (w *workerPace) finished(now pipeline.Time) {
	if w.busy {
		// Longer is a sleep of the machine, or a fault of the user's that may not recur.
		w.each += (min(time.Duration(now-w.last), time.Second) - w.each) / 8
	}
	w.out--
	w.last, w.busy = now, w.out > 0
}
