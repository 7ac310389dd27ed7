package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/intentra/intentra/bench/compare"
	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/trial"
)

// quickLength is the length of a measurement with --quick.
const quickLength = 500 * time.Millisecond

type compareCommand struct {
	JSON    bool  `help:"Print the result as JSON, as the last line."`
	Rounds  int   `help:"Number of rounds." default:"3"`
	Only    names `help:"Contenders to measure, of ${contenders}." placeholder:"NAME,..."`
	Quick   bool  `help:"One round of short measurements, to check that everything works; the figures are rough."`
	Senders int   `help:"Number of sending processes." default:"2"`
	Size    int   `help:"Bytes in a message." default:"128"`
}

// Run runs the command.
func (c *compareCommand) Run(ctx context.Context) error {
	o := compare.Defaults()
	o.Rounds, o.Senders, o.Size = c.Rounds, c.Senders, c.Size
	if c.Quick {
		o.Rounds, o.Length = 1, quickLength
	}
	if err := check(limit{"rounds", o.Rounds, 1, maxRounds}, sendersLimit(o.Senders), sizeLimit(o.Size)); err != nil {
		return err
	}
	r, err := compare.Run(ctx, o, choose(c.Only, nil), os.Stderr)
	if err != nil {
		return err
	}
	r.Print(os.Stdout)
	if c.JSON {
		return printJSON(r)
	}
	return nil
}

type sweepCommand struct {
	JSON  bool  `help:"Print the result as JSON, as the last line of standard output."`
	Only  names `help:"Contenders to measure, of ${contenders}." placeholder:"NAME,..."`
	Quick bool  `help:"Short measurements."`
	shapeFlags
}

// shapeFlags set the shape of a sweep.
type shapeFlags struct {
	Connections int `help:"Number of connections." default:"100"`
	Senders     int `help:"Number of sending processes." default:"2"`
	Size        int `help:"Bytes in a message." default:"128"`
}

// Run runs the command.
func (c *sweepCommand) Run(ctx context.Context) error {
	r, err := c.measure(ctx, c.Only, c.Quick)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(r)
	}
	r.Print(os.Stdout)
	return nil
}

func (f *shapeFlags) measure(ctx context.Context, only names, short bool) (*compare.Sweep, error) {
	o := compare.SweepDefaults()
	o.Shape.Connections, o.Shape.Senders, o.Shape.Size = f.Connections, f.Senders, f.Size
	if short {
		o.Length, o.PerDecade = quickLength, 3
	}
	if err := check(limit{"connections", f.Connections, 1, maxConnections}, sendersLimit(f.Senders), sizeLimit(f.Size)); err != nil {
		return nil, err
	}
	return compare.RunSweep(ctx, o, choose(only, compare.SweepNames), os.Stderr)
}

type plotCommand struct {
	Out   string `help:"Folder for the plots." default:"." type:"path"`
	From  string `help:"File with the output of sweep --json; without it, measure a sweep." type:"existingfile"`
	Only  names  `help:"Without --from: contenders to measure, of ${contenders}." placeholder:"NAME,..."`
	Quick bool   `help:"Without --from: short measurements."`
	shapeFlags
}

// Run runs the command.
func (c *plotCommand) Run(ctx context.Context) error {
	r, err := c.result(ctx)
	if err != nil {
		return err
	}
	if len(r.Curves) == 0 {
		return usagef("plot: %s has no curves; it must be the output of sweep --json", c.From)
	}
	return compare.Draw(c.Out, r)
}

func (c *plotCommand) result(ctx context.Context) (*compare.Sweep, error) {
	if c.From == "" {
		return c.measure(ctx, c.Only, c.Quick)
	}
	b, err := os.ReadFile(c.From)
	if err != nil {
		return nil, err
	}
	r := new(compare.Sweep)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, usagef("plot: %s is not the output of sweep --json: %w", c.From, err)
	}
	return r, nil
}

// choose returns the contenders of only. If only is empty, it returns those of
// the standard list, or all if that is nil, and reports on standard error which
// contenders this system does not support.
func choose(only names, standard []string) (list []contender.Contender) {
	if len(only.list) > 0 {
		return only.list
	}
	for _, err := range trial.Missing() {
		fmt.Fprintln(os.Stderr, "bench: left out:", err)
	}
	list = trial.Available()
	if standard != nil {
		list = slices.DeleteFunc(list, func(c contender.Contender) bool { return !slices.Contains(standard, c.Name()) })
	}
	return list
}

// printJSON prints v as one line.
func printJSON(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }
