package main

import (
	"context"
	"os"

	"github.com/intentra/intentra/bench/compare"
	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/program"
)

type lowrateCommand struct {
	JSON     bool   `help:"Print the result as JSON, as the last line."`
	Only     names  `help:"Contenders to measure besides udp, of ${contenders}." placeholder:"NAME,..."`
	Intentra string `help:"The command intentra; without it, it is built." placeholder:"FILE" type:"existingfile"`
	Rate     int    `help:"Messages per second." default:"200"`
	Messages int    `help:"Messages in a round." default:"4000"`
	Rounds   int    `help:"Number of rounds." default:"3"`
	Size     int    `help:"Bytes in a message." default:"128"`
}

// What we chose.
const (
	maxLowRate     = 10_000
	maxLowMessages = 1_000_000
)

// Run runs the command.
func (c *lowrateCommand) Run(ctx context.Context) error {
	err := check(limit{"rate", c.Rate, 1, maxLowRate}, limit{"messages", c.Messages, 1, maxLowMessages},
		limit{"rounds", c.Rounds, 1, maxRounds}, sizeLimit(c.Size))
	if err != nil {
		return err
	}
	o := compare.LowRateOptions{
		Load: program.Load{Rate: float64(c.Rate), Messages: c.Messages, Size: c.Size}, Rounds: c.Rounds, Command: c.Intentra,
	}
	if o.Self, err = os.Executable(); err != nil {
		return err
	}
	if o.Command == "" {
		folder, err := os.MkdirTemp("", "bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		if o.Command, err = program.Build(ctx, folder); err != nil {
			return err
		}
	}
	var all []contender.Contender
	for _, k := range choose(c.Only, compare.LowRateNames) {
		if k.Name() != compare.LowRateBase {
			all = append(all, k)
		}
	}
	r, err := compare.RunLowRate(ctx, o, all, os.Stderr)
	if err != nil {
		return err
	}
	r.Print(os.Stdout)
	if c.JSON {
		return printJSON(r)
	}
	return nil
}
