package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/intentra/intentra/internal/load"
)

type benchFanoutCmd struct {
	Peers     int           `default:"100" help:"Peers that receive, each with its own session."`
	Hz        float64       `default:"200" help:"States per second that the hub broadcasts to all peers."`
	Size      int           `default:"128" help:"Bytes in a state."`
	Sockets   int           `placeholder:"N" help:"Sockets that the peers share; 0, the default, is one for each process."`
	Processes *int          `placeholder:"2" help:"Processes with peers; 2 by default, or 1 for 1 peer."`
	Warmup    time.Duration `default:"1s" help:"How long to broadcast before measuring."`
	benchFlags
}

func (c *benchFanoutCmd) Help() string {
	return `The hub runs in this process, the peers in other processes. Offered, sent and delivered count copies: one for each peer.

Latency is one-way, from Broadcast to a peer's Handler, by the monotonic clock that all processes of the machine share.
CPU is the time that the hub uses for each copy delivered.

--json prints the same as 'bench envelope', with "sockets" in place of "way" and one point.`
}

// check returns a usage error for invalid flags.
func (c *benchFanoutCmd) check() error {
	err := checkBench("fanout",
		peersRange(c.Peers), sizeRange(c.Size),
		benchRange{"hz", c.Hz, 0.001, math.Round(maxBenchRate / float64(max(c.Peers, 1)))},
		benchRange{"processes", float64(c.processes()), 1, float64(min(max(c.Peers, 1), maxBenchSenders))},
	)
	if err == nil && c.Sockets != 0 {
		err = checkBench("fanout", benchRange{"sockets", float64(c.Sockets), float64(c.processes()), float64(c.Peers)})
	}
	if err == nil {
		err = checkDuration("fanout", "duration", c.Duration, leastDuration)
	}
	if err == nil {
		err = checkDuration("fanout", "warmup", c.Warmup, 0)
	}
	return err
}

// socketsEach returns how many sockets each process has.
func (c *benchFanoutCmd) socketsEach() int { return max(c.Sockets/c.processes(), 1) }

func (c *benchFanoutCmd) processes() int { return processes(c.Processes, c.Peers) }

func (c *benchFanoutCmd) Run(e *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := checkFiles(c.socketsEach()); err != nil {
		return fmt.Errorf("bench fanout: %w", err)
	}
	r := &benchPoints{
		Points: []*load.Point{}, SizeBytes: c.Size, Senders: c.processes(), Sockets: c.socketsEach() * c.processes(),
		WarmupS: seconds(c.Warmup), DurationS: seconds(c.Duration), Limits: load.LimitsFor(c.Peers, c.Hz),
	}
	table, _ := e.live(c.JSON)
	err := c.measure(e, r, table)
	r.Interrupted = e.interrupted(err)
	if err := e.benchEnd("fanout", err); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e.stdout, r)
	}
	return nil
}

func (c *benchFanoutCmd) measure(e *environment, r *benchPoints, table io.Writer) error {
	b, err := e.testbed(c.Peers, r.Senders, r.Limits)
	if err != nil {
		return err
	}
	b.Sockets = c.socketsEach()
	f, err := load.OpenFanout(e.ctx, b)
	if err != nil {
		return err
	}
	defer f.Close()
	p := e.progress()
	err = p.during("connecting", connecting(f.Connected, c.Peers), func() error { return f.Connect(e.ctx, r.Limits) })
	if err != nil {
		return err
	}
	fmt.Fprintf(table, "%d peers over %d sockets in %d processes, %d-byte states\n%v after a warm-up of %v\n",
		c.Peers, r.Sockets, r.Senders, c.Size, c.Duration, c.Warmup)
	writeLimits(table, r.Limits)
	var point *load.Point
	err = p.during("broadcasting", elapsed(c.Warmup+c.Duration), func() (err error) {
		point, err = f.Measure(e.ctx, c.Hz, c.Size, c.Warmup, c.Duration)
		return err
	})
	if err != nil {
		return err
	}
	if e.ctx.Err() != nil {
		return context.Cause(e.ctx) // the point may be incomplete
	}
	r.Points = append(r.Points, point)
	writePointHeader(table)
	writePoint(table, point)
	return nil
}
