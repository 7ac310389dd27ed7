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
	Envelope   benchEnvelopeCmd   `cmd:"" help:"How much one receiving loop takes: delivery, latency and CPU at one load, or up a ladder."`
	Latency    benchLatencyCmd    `cmd:"" help:"Round-trip times, beside those of plain UDP sockets."`
	Handshakes benchHandshakesCmd `cmd:"" help:"How many handshakes a second one listener completes."`
	Fanout     benchFanoutCmd     `cmd:"" help:"How well one hub's broadcasts reach all peers."`
	Attack     benchAttackCmd     `cmd:"" help:"What honest peers notice of floods: forged packets, replays, handshakes."`
	Child      benchChildCmd      `cmd:"" hidden:"" help:"What the others start."`
}

func (c *benchCmd) Help() string {
	return "Each runs the other side in processes of its own, and exchanges real datagrams over the loopback interface alone. " +
		"An interrupt ends a benchmark early. A point of an envelope, a fan-out, a run of handshakes or a phase of an attack that is not finished then is left out."
}

// What we chose.
const (
	maxBenchPeers   = 200_000
	maxBenchSenders = 64
	maxBenchRate    = 100_000_000 // messages per second in all
)

// benchFlags are those that all benchmarks have.
type benchFlags struct {
	Duration time.Duration `default:"10s" help:"How long to measure."`
	JSON     bool          `name:"json" help:"Print the result as one JSON object, the last line of standard output."`
}

// benchChildCmd is a child of a benchmark: what it is to do, secrets included,
// comes on its standard input, at whose end it ends.
type benchChildCmd struct{}

// Run ends with standard input alone: an interrupt from a terminal reaches the
// children, too, and it is the parent who ends them.
func (c *benchChildCmd) Run(e *environment) error {
	return load.Serve(e.stdin, e.stdout, load.Services()...)
}

// testbed returns the configuration that all benchmarks share.
func (e *environment) testbed(peers, children int, limits load.Limits) (load.TestbedConfig, error) {
	program, err := os.Executable()
	if err != nil {
		return load.TestbedConfig{}, fmt.Errorf("bench: find this program, to start it as another process: %w", err)
	}
	return load.TestbedConfig{
		Peers: peers, Children: children, Limits: limits,
		Command: []string{program, "bench", "child"}, Stderr: e.stderr,
	}, nil
}

// checkBench reports what is out of its range.
func checkBench(command string, ranges ...benchRange) error {
	for _, r := range ranges {
		if !(r.value >= r.least && r.value <= r.most) { // NaN is out, too
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

// processes returns how many processes share peers, or dials: those asked for or
// else two, as far as there is work for them.
func processes(asked *int, work int) int {
	if asked != nil {
		return *asked
	}
	return max(min(2, work), 1)
}

// sizeRange takes the size of a message; what a transport can send is known
// only once there is one, but never more than this.
func sizeRange(n int) benchRange { return benchRange{"size", float64(n), load.StampSize, maxBenchSize} }

// maxBenchSize is the largest payload of the default MaxDatagram, less what the
// longest headers take.
const maxBenchSize = 1180

func checkDuration(command, flag string, d, least time.Duration) error {
	if d < least || d > 24*time.Hour {
		return usagef("bench %s: --%s is %v; give %v to 24h", command, flag, d, least)
	}
	return nil
}

// leastDuration is the shortest time that is worth measuring.
const leastDuration = 10 * time.Millisecond

// benchEnd turns an interrupt, after which the result is of what was measured
// until then, into a clean end, and says so.
func (e *environment) benchEnd(command string, err error) error {
	switch {
	case err == nil:
		return nil
	case e.interrupted(err):
		fmt.Fprintln(e.stderr, "interrupted: what was not finished is left out")
		return nil
	}
	return fmt.Errorf("bench %s: %w", command, err)
}

// interrupted reports whether err says that an interrupt has ended a benchmark.
func (e *environment) interrupted(err error) bool {
	return err != nil && e.ctx.Err() != nil && errors.Is(err, context.Cause(e.ctx))
}

// printJSON prints a result as the last line of standard output.
func printJSON(w io.Writer, result any) error { return json.NewEncoder(w).Encode(result) }
