package compare

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/trial"
)

// Run measures the contenders of list, and reports to progress. A contender that
// fails is left out of that round, and the result says so. The only error is the
// cause of ctx's end.
func Run(ctx context.Context, o Options, list []contender.Contender, progress io.Writer) (*Result, error) {
	steps := plan(o, list)
	r := &run{Options: o, book: NewBook(keys(steps)), progress: progress, began: time.Now()}
	for round := range o.Rounds {
		for i, s := range steps {
			r.where = fmt.Sprintf("round %d/%d, step %d/%d", round+1, o.Rounds, i+1, len(steps))
			if err := r.visit(ctx, s, round); err != nil {
				if ctx.Err() != nil {
					return nil, context.Cause(ctx)
				}
				r.say("failed: %v", err)
				r.failures = append(r.failures, fmt.Sprintf("round %d: %v", round+1, err))
			}
		}
		// The first step of one round is the last of the next, so that slow
		// changes of the machine affect all steps alike.
		slices.Reverse(steps)
	}
	return r.result(list), nil
}

// run is a comparison in progress.
type run struct {
	Options
	book     *Book
	progress io.Writer
	began    time.Time
	where    string
	failures []string
}

func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.progress, "%6.0f s  %s: %s\n", time.Since(r.began).Seconds(), r.where, fmt.Sprintf(format, args...))
}

// visit opens a rig for a step and measures with it.
func (r *run) visit(ctx context.Context, s step, round int) error {
	name := Name(s.contender.Name(), s.connections)
	r.say("%s: connecting", name)
	rig, err := trial.Open(ctx, s.contender, trial.Shape{
		Connections: s.connections, Senders: r.Senders, Size: r.Size, Buffer: r.Buffer,
	})
	if err != nil {
		return err
	}
	defer rig.Close()
	v := visit{run: r, step: s, name: name, round: round, rig: rig}
	if err := v.measure(ctx); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (r *run) result(list []contender.Contender) *Result {
	out := &Result{
		Machine: ThisMachine(r.Buffer, trial.Modules),
		Rounds:  r.Rounds, Seconds: r.Length.Seconds(), Size: r.Size, Senders: r.Senders,
		Raised: map[string][]string{}, Notes: map[string]string{},
		Rows: r.book.Rows(), Goals: goals(r.book, r.Options), Errors: r.failures,
	}
	for _, c := range list {
		out.Notes[c.Name()] = c.Note()
		for _, row := range out.Rows {
			limits := c.Raised(contender.Setup{Connections: row.Connections})
			if row.Contender == c.Name() && len(limits) > 0 {
				out.Raised[Name(row.Contender, row.Connections)] = limits
			}
		}
	}
	return out
}
