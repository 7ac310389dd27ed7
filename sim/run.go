package sim

import (
	"time"

	"github.com/intentra/intentra/pipeline"
)

// A million steps without the clock moving is nothing that a scenario means to
// do, unless it has that many nodes.
const (
	mostStill        = 1 << 20
	mostStillPerNode = 1 << 8
)

// Run lets d pass and returns Err.
func (w *World) Run(d time.Duration) error {
	w.Until(d, nil)
	return w.err
}

// Until lets the time pass until done, which is asked before each step, and at
// most limit. It returns how long that took, and whether it is done; it is not
// if an error has ended the run before; see Err. The clock goes no further than
// 146 years: what is to happen later never does.
func (w *World) Until(limit time.Duration, done func() bool) (took time.Duration, ok bool) {
	if w.running {
		panic("sim: Run or Until from within a callback")
	}
	w.running = true
	defer func() { w.running = false }()
	from := w.now
	end := from + min(pipeline.Time(max(limit, 0)), horizon-from)
	for w.err == nil {
		if done != nil && done() {
			return time.Duration(w.now - from), true
		}
		if !w.step(end) {
			break
		}
	}
	return time.Duration(w.now - from), w.err == nil && done != nil && done()
}

// step does the next thing that is due, if that is not behind end; otherwise
// the clock is set to it.
func (w *World) step(end pipeline.Time) bool {
	happens, n := w.agenda.next(), w.turns.next()
	at := end + 1
	if happens != nil {
		at = happens.at
	}
	if n != nil && n.due < at {
		at, happens = n.due, nil
	}
	if at > end {
		w.advance(end)
		return false
	}
	w.advance(at)
	w.begin()
	if happens != nil {
		w.happen(w.agenda.pop())
	} else {
		w.turns.remove(n)
		n.proc.turn()
	}
	w.check()
	return true
}

// advance moves the clock, never back.
func (w *World) advance(at pipeline.Time) {
	if at > w.now {
		w.now, w.still = at, 0
		return
	}
	if w.still++; w.still > mostStill+mostStillPerNode*len(w.nodes) {
		w.Fail(ErrStandstill)
	}
}

// begin starts a step: nobody has done anything in it yet.
func (w *World) begin() {
	w.steps++
	w.stepped, w.crossed = w.stepped[:0], w.crossed[:0]
}

func (w *World) happen(ev event) {
	if ev.flight != nil {
		w.arrive(ev.flight)
		return
	}
	ev.do()
}
