package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/intentra/intentra/internal/load"
)

type benchCmd struct {
	Envelope   benchEnvelopeCmd   `cmd:"" help:"Measure the capacity of one receiving loop: delivery, latency and CPU at one load, or at a series of rising loads."`
	Latency    benchLatencyCmd    `cmd:"" help:"Measure round-trip times, and those of plain UDP sockets for comparison."`
	Handshakes benchHandshakesCmd `cmd:"" help:"Measure how many handshakes a second one listener completes."`
	Fanout     benchFanoutCmd     `cmd:"" help:"Measure the delivery and latency of one hub's broadcasts."`
	Attack     benchAttackCmd     `cmd:"" help:"Measure how floods of forged packets, replays and handshakes affect honest peers."`
	Child      benchChildCmd      `cmd:"" hidden:"" help:"Run as a child process of a benchmark."`
}

func (c *benchCmd) Help() string {
	return "Each benchmark runs the other side in separate processes and exchanges real datagrams over the loopback interface only. " +
		"An interrupt ends a benchmark early: a point, round or phase that is not complete is left out of the result."
}

// What we chose.
const (
	maxBenchPeers   = 200_000
	maxBenchSenders = 64
	maxBenchRate    = 100_000_000 // messages per second in all
)

// benchFlags are common to most benchmarks.
type benchFlags struct {
	Duration time.Duration `default:"10s" help:"How long to measure."`
	JSON     bool          `name:"json" help:"Print the result as one JSON object, the last line of standard output."`
}

// benchChildCmd is a child process of a benchmark. It serves the calls that arrive
// on standard input, which carries secrets, and ends with it.
type benchChildCmd struct{}

// Run returns at the end of standard input, and not on an interrupt, which a
// terminal sends to parent and children: the parent ends the children.
func (c *benchChildCmd) Run(e *environment) error {
	return load.Serve(e.stdin, e.stdout, load.Services()...)
}

// benchPatience is the MaxQueueDelay and the MaxLate of a benchmark; zero means their defaults.
// Tests change it before anything runs, so that a busy machine loses and skips no message.
var benchPatience time.Duration

// testbed returns the configuration that all benchmarks have in common.
func (e *environment) testbed(peers, children int, limits load.Limits) (load.TestbedConfig, error) {
	program, err := os.Executable()
	if err != nil {
		return load.TestbedConfig{}, fmt.Errorf("bench: find the path of this program, to run it as a child process: %w", err)
	}
	return load.TestbedConfig{
		Peers: peers, Children: children, Limits: limits, MaxQueueDelay: benchPatience, MaxLate: benchPatience,
		Command: []string{program, "bench", "child"}, Stderr: e.stderr,
	}, nil
}

// checkBench returns a usage error for the first value that is out of range.
func checkBench(command string, ranges ...benchRange) error {
	for _, r := range ranges {
		if !(r.value >= r.least && r.value <= r.most) { // also for NaN
			return usagef("bench %s: --%s is %v; give %v to %v", command, r.flag, r.value, r.least, r.most)
		}
	}
	return nil
}

type benchRange struct {
	flag               string
	value, least, most float64
}

func peersRange(n int) benchRange { return benchRange{"peers", float64(n), 1, maxBenchPeers} }

// processes returns the number of processes for some units of work, peers or
// dials: what the flag asks for or, without the flag, at most two.
func processes(asked *int, work int) int {
	if asked != nil {
		return *asked
	}
	return max(min(2, work), 1)
}

// sizeRange is the range of the size of a message.
func sizeRange(n int) benchRange { return benchRange{"size", float64(n), load.StampSize, maxBenchSize} }

// maxBenchSize is the largest payload that Send accepts with the longest headers.
const maxBenchSize = 1120

func checkDuration(command, flag string, d, least time.Duration) error {
	if d < least || d > 24*time.Hour {
		return usagef("bench %s: --%s is %v; give %v to 24h", command, flag, d, least)
	}
	return nil
}

// leastDuration is the shortest duration of a measurement.
const leastDuration = 10 * time.Millisecond

// benchEnd returns nil for an interrupt, after reporting it, as the result is then
// that of what was measured before. It adds the command's name to other errors.
func (e *environment) benchEnd(command string, err error) error {
	switch {
	case err == nil:
		return nil
	case e.interrupted(err):
		fmt.Fprintln(e.stderr, "interrupted: incomplete measurements are left out")
		return nil
	}
	return fmt.Errorf("bench %s: %w", command, err)
}

// interrupted reports whether err is caused by an interrupt.
func (e *environment) interrupted(err error) bool {
	return err != nil && e.ctx.Err() != nil && errors.Is(err, context.Cause(e.ctx))
}

// printJSON prints a result as the last line of standard output.
func printJSON(w io.Writer, result any) error { return json.NewEncoder(w).Encode(result) }
