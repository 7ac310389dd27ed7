package sim

import (
	"time"

	"github.com/intentra/intentra/pipeline"
)

// More steps in one instant than this are a loop: the scenario would never end.
const (
	mostStill        = 1 << 20
	mostStillPerNode = 1 << 8
)

// Run lets d pass and returns Err.
func (w *World) Run(d time.Duration) error {
	w.checked()
	w.Until(d, nil)
	return w.err
}

// Until lets time pass until done returns true, at most limit. done is called
// before each step; nil lets all of limit pass. It returns how long that took
// and whether done returned true, which it did not if an error ended the run;
// see Err. The clock stops at 146 years: events after that never happen.
func (w *World) Until(limit time.Duration, done func() bool) (took time.Duration, ok bool) {
	w.checked()
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

// step does the next thing that is due by end, or sets the clock to end and
// returns false.
func (w *World) step(end pipeline.Time) bool {
	happens, n := w.agenda.next(), w.turns.next()
	at := end + 1
	if happens != nil {
		at = happens.at
	}
	if n != nil && n.inTurns.At() < at {
		at, happens = n.inTurns.At(), nil
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

// advance moves the clock forward.
func (w *World) advance(at pipeline.Time) {
	if at > w.now {
		w.now, w.still = at, 0
		return
	}
	if w.still++; w.still > mostStill+mostStillPerNode*len(w.nodes) {
		w.Fail(ErrStandstill)
	}
}

// begin starts a step, in which no node has done anything yet.
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
