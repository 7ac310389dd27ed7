package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/sim"
)

var (
	// ErrExpectation is returned when the condition of a step does not hold.
	ErrExpectation = errors.New("expectation")
	// ErrOutput is returned when a step has other output than the script says.
	ErrOutput = errors.New("unexpected output")
	// ErrStopped is returned when Options.Stop has ended the run.
	ErrStopped = errors.New("stopped")

	errNothingRecorded = errors.New("nothing is recorded; add a record step before")
)

// stopSteps is the number of steps of the world between two calls of Options.Stop.
const stopSteps = 1024

// Options say how a script runs. The zero value runs it as it is written.
type Options struct {
	// Seed replaces the seed of the script, if not nil.
	Seed *uint64
	// Quiet suppresses output.
	Quiet bool
	// Output is called with each line of output at once. May be nil.
	Output func(line string)
	// Verify compares the output with that in the script.
	Verify bool
	// Stop ends the run with ErrStopped if it returns true. It is called before
	// each step of the script and after every 1,024 of the simulation: if it is
	// not called for many seconds, a call into the core hangs. May be nil.
	Stop func() bool
	// Prepare is called with the new world to add observers and checks. May be
	// nil.
	Prepare func(w *sim.World)
}

// Result describes a run, even one that has failed.
type Result struct {
	Seed      uint64
	Hash      string // sim.World.TraceHash
	Elapsed   time.Duration
	PeerTime  time.Duration // of all nodes together, including those that are down
	Sent      uint64        // messages that were queued
	Delivered uint64
	Refused   uint64 // messages that were not queued
	Failed    *Step  // the step that failed, or nil
	Text      string // the steps that ran, with their output; empty with Quiet
}

// run is the state of a running script.
type run struct {
	w        *sim.World
	o        Options
	steps    uint64 // of the world
	names    map[intentra.PublicKey]string
	order    []*sim.Node
	crowds   map[string][]*sim.Node
	wishes   []wish
	links    []wish // pairs with links of their own
	loads    []*load
	starters []*starter
	rebinds  int                    // addresses that newAddr has returned
	allow    map[*sim.Node][]string // nil for all
	probes   map[wish]bool          // in settle, whether each has arrived

	recorder *sim.Recorder
	scratch  []byte
	output   []string // of the step
	result   *Result
}

// Run runs the script in a world of its own. An error that ended it early names the
// seed, the line and the step.
func (s *Script) Run(o Options) (Result, error) {
	s.checked()
	seed := s.Seed
	if o.Seed != nil {
		seed = *o.Seed
	}
	result := Result{Seed: seed}
	r := &run{w: sim.New(seed), o: o, names: map[intentra.PublicKey]string{}, crowds: map[string][]*sim.Node{}, allow: map[*sim.Node][]string{}, result: &result}
	r.w.Audit()
	r.w.Observe(sim.Observer{Sent: r.sent, Delivered: r.delivered, Happened: r.happened})
	if o.Stop != nil {
		r.w.Check("script", r.stopped)
	}
	if o.Prepare != nil {
		o.Prepare(r.w)
	}
	var text strings.Builder
	var failed error
	for i := range s.Steps {
		st := &s.Steps[i]
		r.output = nil
		if failed == nil && !st.Comment() {
			if failed = r.step(st); failed != nil {
				result.Failed = st
				failed = fmt.Errorf("seed %d: line %d: %s: %w", seed, st.Line, st.Text, failed)
			}
		}
		if !o.Quiet && (failed == nil || st == result.Failed) {
			text.WriteString(st.Text + "\n")
			for _, line := range r.output {
				text.WriteString("> " + line + "\n")
			}
		}
	}
	result.Text, result.Hash, result.Elapsed = text.String(), r.w.TraceHash(), r.w.Elapsed()
	result.PeerTime = result.Elapsed * time.Duration(len(r.order))
	return result, failed
}

// stopped is a sim.Checker.
func (r *run) stopped(*sim.World) error {
	if r.steps++; r.steps%stopSteps == 0 && r.o.Stop() {
		return ErrStopped
	}
	return nil
}

func (r *run) step(st *Step) error {
	if r.o.Stop != nil && r.o.Stop() {
		return ErrStopped
	}
	before := r.w.Err()
	if err := st.do(r); err != nil {
		return err
	}
	if err := r.w.Err(); err != nil && before == nil {
		return err
	}
	if r.o.Verify && !slices.Equal(r.output, st.Want) {
		return fmt.Errorf("%w: %s", ErrOutput, difference(r.output, st.Want))
	}
	return nil
}

// difference describes the first line that differs.
func difference(got, want []string) string {
	for i := 0; ; i++ {
		switch {
		case i == len(got):
			return fmt.Sprintf("line %d is missing, want %q", i+1, want[i])
		case i == len(want):
			return fmt.Sprintf("unexpected line %q", got[i])
		case got[i] != want[i]:
			return fmt.Sprintf("line %d is %q, want %q", i+1, got[i], want[i])
		}
	}
}

func runCommand(a *args) action {
	d := a.parsed("how long", toDurations).(durations)
	return func(r *run) error { return r.pass(d.choose(r.w.Rand().Uint64)) }
}

// pass lets time pass.
func (r *run) pass(d time.Duration) error {
	_, err := r.until(d, nil)
	return err
}

// until lets time pass until done returns true, at most d.
func (r *run) until(d time.Duration, done func() bool) (ok bool, err error) {
	_, ok = r.w.Until(d, done)
	return ok, r.w.Err()
}

func (r *run) say(format string, values ...any) {
	if r.o.Quiet {
		return
	}
	line := strings.TrimRight(fmt.Sprintf(format, values...), " ")
	r.output = append(r.output, line)
	if r.o.Output != nil {
		r.o.Output(line)
	}
}

// now returns the time for output.
func (r *run) now() time.Duration { return r.w.Elapsed().Round(time.Microsecond) }

func (r *run) sent(_ *sim.Node, _ intentra.PublicKey, _ intentra.Message, result intentra.SendResult) {
	if result.Status != intentra.Dropped {
		r.result.Sent++
	} else {
		r.result.Refused++
	}
}

func (r *run) delivered(to *sim.Node, from intentra.PublicKey, m intentra.Message) {
	r.result.Delivered++
	r.probed(to, from, m)
	if len(m.Payload) == 0 || m.Payload[0] != loadMark {
		r.say("%v %s: %v message on channel %d from %s: %q", r.now(), to.Name(), m.Intent, m.Channel, r.names[from], m.Payload)
	}
}

func (r *run) happened(n *sim.Node, ev sim.Event) {
	if ev.Kind != conn.NeedAddress {
		r.say("%v %s: %v %s", r.now(), n.Name(), ev, r.names[ev.Peer])
	}
	r.dialEnded(n, ev)
}
