package main

import (
	"context"
	"os"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/bench/fairness"
)

type fairnessCommand struct {
	Duration time.Duration `help:"How long to publish." default:"5s"`
	JSON     bool          `help:"Print the results as JSON, as the last line."`
}

// Run runs the command.
func (c *fairnessCommand) Run(ctx context.Context) error {
	var all []*fairness.Result
	for _, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
		measure := fairness.Reliable
		if intent != intentra.Reliable {
			measure = func(ctx context.Context, d time.Duration) (*fairness.Result, error) {
				return fairness.States(ctx, intent, d)
			}
		}
		r, err := measure(ctx, c.Duration)
		if err != nil {
			return err
		}
		r.Print(os.Stdout)
		all = append(all, r)
	}
	if c.JSON {
		return printJSON(all)
	}
	return nil
}
