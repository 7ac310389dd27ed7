package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/intentra/intentra/internal/load"
	"github.com/intentra/intentra/internal/swarm"
	"github.com/intentra/intentra/sim/script"
)

// What we chose.
const (
	shrinkTries = 600 // runs to shrink a scenario with
	mostShrunk  = 8   // scenarios that are shrunk; further failures are only listed

	longScenario = 10 * time.Second // after which the progress shows its seed
)

// swarmResult is the result of many scenarios.
type swarmResult struct {
	Seeds       uint64        `json:"seeds"` // that were run to the end
	First       uint64        `json:"first_seed"`
	Hours       float64       `json:"hours"`
	Peers       int           `json:"most_peers"`
	PeerHours   float64       `json:"peer_hours"`
	Sent        uint64        `json:"sent"`
	Delivered   uint64        `json:"delivered"`
	Failures    []seedFailure `json:"failures"`
	Interrupted bool          `json:"interrupted"`
	ElapsedS    float64       `json:"elapsed_s"`
	CPUS        float64       `json:"cpu_s"`
	Speed       float64       `json:"peer_seconds_per_cpu_second"`
}

// seedFailure is a failed seed and the smallest script that fails too.
type seedFailure struct {
	Seed        uint64   `json:"seed"`
	Error       string   `json:"error"`
	Repeat      string   `json:"repeat"`
	Script      []string `json:"script,omitempty"`
	ScriptError string   `json:"script_error,omitempty"` // the error of the script
}

// seedPool runs scenarios on all cores, each in a world of its own.
type seedPool struct {
	c *simCmd
	g *guard

	mu     sync.Mutex
	next   uint64 // seeds taken, out of c.Seeds
	shrunk int
	peers  time.Duration // simulated peer time
	r      *swarmResult
}

func (c *simCmd) swarm(e *environment) error {
	return c.swarmWith(e, newGuard(e.ctx))
}

func (c *simCmd) swarmWith(e *environment, g *guard) error {
	p := &seedPool{c: c, g: g, r: &swarmResult{First: c.First, Hours: c.Hours, Peers: c.Peers}}
	out, _ := e.live(c.JSON)
	began := time.Now()
	cpu, err := load.CPUTime()
	if err != nil {
		return err
	}
	var hung *hang
	_ = e.progress().during("sim", p.state, func() error {
		if hung = g.run(p.run); hung != nil {
			hung.tell(e)
			p.fail(hung.seed, hung)
		}
		return nil
	})
	used, err := load.CPUTime()
	if err != nil {
		return err
	}
	r := p.result()
	r.Interrupted = e.ctx.Err() != nil
	r.ElapsedS, r.CPUS = seconds(time.Since(began)), seconds(used-cpu)
	if used > cpu {
		r.Speed = r.PeerHours * time.Hour.Seconds() / (used - cpu).Seconds()
	}
	if err := r.write(out); err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(e.stdout, r); err != nil {
			return err
		}
	}
	if hung != nil {
		return fmt.Errorf("%w: %w", errSimulation, hung)
	}
	if n := len(r.Failures); n > 0 {
		return fmt.Errorf("%w: %d of %d seeds failed", errSimulation, n, r.Seeds)
	}
	return nil
}

// result returns the results so far.
func (p *seedPool) result() swarmResult {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := *p.r
	r.PeerHours = p.peers.Hours()
	r.Failures = slices.SortedFunc(slices.Values(p.r.Failures), func(a, b seedFailure) int { return cmp.Compare(a.Seed, b.Seed) })
	if r.Failures == nil {
		r.Failures = []seedFailure{}
	}
	return r
}

// state returns the progress to show.
func (p *seedPool) state() (share float64, words string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	words = fmt.Sprintf("%d/%d seeds, %.1f peer-hours, %d failed", p.r.Seeds, p.c.Seeds, p.peers.Hours(), len(p.r.Failures))
	if seed, age, ok := p.g.oldest(); ok && age >= longScenario {
		words += fmt.Sprintf(", seed %d for %v", seed, age.Round(time.Second))
	}
	return float64(p.r.Seeds) / float64(p.c.Seeds), words
}

// run runs all seeds, on all cores.
func (p *seedPool) run() {
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for seed, ok := p.take(); ok; seed, ok = p.take() {
				p.seed(seed)
			}
		})
	}
	workers.Wait()
}

func (p *seedPool) take() (seed uint64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next >= p.c.Seeds || p.g.ctx.Err() != nil {
		return 0, false
	}
	p.next++
	return p.c.First + p.next - 1, true
}

func (p *seedPool) seed(seed uint64) {
	h := p.g.begin(seed)
	defer h.end()
	lines := p.c.scenario(seed)
	result, err := swarm.Run(lines, h.stop)
	if errors.Is(err, script.ErrStopped) {
		return
	}
	shrink := p.add(result, err)
	if err == nil {
		return
	}
	p.fail(seed, err)
	if !shrink {
		return
	}
	small, err := swarm.Shrink(lines, shrinkTries, h.stop)
	if err == nil || errors.Is(err, script.ErrStopped) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.r.Failures {
		if f := &p.r.Failures[i]; f.Seed == seed {
			f.Script, f.ScriptError = small, err.Error()
		}
	}
}

// fail lists a failure.
func (p *seedPool) fail(seed uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.r.Failures = append(p.r.Failures, seedFailure{Seed: seed, Error: err.Error(), Repeat: p.c.repeat(seed)})
}

// add counts a scenario, and reports whether to shrink it.
func (p *seedPool) add(result script.Result, err error) (shrink bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.r.Seeds++
	p.r.Sent += result.Sent
	p.r.Delivered += result.Delivered
	p.peers += result.PeerTime
	if err == nil || p.shrunk == mostShrunk {
		return false
	}
	p.shrunk++
	return true
}

// write prints the result for people.
func (r *swarmResult) write(w io.Writer) error {
	for _, f := range r.Failures {
		fmt.Fprintf(w, "FAILED seed %d: %s\n", f.Seed, f.Error)
		fmt.Fprintf(w, "  to repeat it: %s --trace\n", f.Repeat)
		if len(f.Script) > 0 {
			fmt.Fprintf(w, "  the smallest script that fails in the same way; save it as FILE and run: intentra sim --script FILE --trace\n\n    %s\n\n  %s\n\n",
				strings.Join(f.Script, "\n    "), f.ScriptError)
		}
	}
	if r.Interrupted {
		fmt.Fprintln(w, "interrupted: only seeds that were run to the end are counted")
	}
	_, err := fmt.Fprintf(w, "%d seeds from %d, %.1f simulated peer-hours, %d messages sent, %d delivered, %d failed\n"+
		"%.1f s, %.1f s of CPU, %.0f peer-seconds per second of CPU\n",
		r.Seeds, r.First, r.PeerHours, r.Sent, r.Delivered, len(r.Failures), r.ElapsedS, r.CPUS, r.Speed)
	return err
}
