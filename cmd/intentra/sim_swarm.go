package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/intentra/intentra/internal/load"
	"github.com/intentra/intentra/sim/script"
	"github.com/intentra/intentra/sim/swarm"
)

// What we chose.
const (
	shrinkTries = 600 // runs to shrink a scenario with
	mostShrunk  = 8   // scenarios that are shrunk; more failures are listed
)

// swarmResult is what has come of many scenarios.
type swarmResult struct {
	Seeds       uint64        `json:"seeds"` // that were run to their end
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

// seedFailure is a seed that has failed, and the smallest script that does.
type seedFailure struct {
	Seed   uint64   `json:"seed"`
	Error  string   `json:"error"`
	Script []string `json:"script,omitempty"`
	Repeat string   `json:"repeat"`
}

// seedPool has all cores run scenarios, each in a world of its own.
type seedPool struct {
	c    *simCmd
	stop func() bool

	mu     sync.Mutex
	next   uint64 // of c.Seeds
	shrunk int
	peers  time.Duration // simulated, of all peers
	r      *swarmResult
}

func (c *simCmd) swarm(e *environment) error {
	r := &swarmResult{First: c.First, Hours: c.Hours, Peers: c.Peers, Failures: []seedFailure{}}
	p := &seedPool{c: c, r: r, stop: func() bool { return e.ctx.Err() != nil }}
	out, _ := e.live(c.JSON)
	began := time.Now()
	cpu, err := load.CPUTime()
	if err != nil {
		return err
	}
	_ = e.progress().during("sim", p.state, func() error {
		p.run()
		return nil
	})
	used, err := load.CPUTime()
	if err != nil {
		return err
	}
	r.Interrupted = e.ctx.Err() != nil
	r.ElapsedS, r.CPUS, r.PeerHours = seconds(time.Since(began)), seconds(used-cpu), p.peers.Hours()
	if used > cpu {
		r.Speed = p.peers.Seconds() / (used - cpu).Seconds()
	}
	slices.SortFunc(r.Failures, func(a, b seedFailure) int {
		if a.Seed < b.Seed {
			return -1
		}
		return 1
	})
	if err := r.write(out); err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(e.stdout, r); err != nil {
			return err
		}
	}
	if n := len(r.Failures); n > 0 {
		return fmt.Errorf("%w: %d of %d seeds failed", errSimulation, n, r.Seeds)
	}
	return nil
}

// state is what the progress shows.
func (p *seedPool) state() (share float64, words string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return float64(p.r.Seeds) / float64(p.c.Seeds),
		fmt.Sprintf("%d/%d seeds, %.1f peer-hours, %d failed", p.r.Seeds, p.c.Seeds, p.peers.Hours(), len(p.r.Failures))
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
	if p.next >= p.c.Seeds || p.stop() {
		return 0, false
	}
	p.next++
	return p.c.First + p.next - 1, true
}

func (p *seedPool) seed(seed uint64) {
	lines := swarm.Generate(seed, p.c.settings())
	result, err := swarm.Run(lines, p.stop)
	if errors.Is(err, script.ErrStopped) {
		return
	}
	if p.add(result, err) {
		if small, smallErr := swarm.Shrink(lines, shrinkTries, p.stop); smallErr != nil && !errors.Is(smallErr, script.ErrStopped) {
			lines, err = small, smallErr
		}
	} else {
		lines = nil
	}
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.r.Failures = append(p.r.Failures, seedFailure{seed, err.Error(), lines, p.c.repeat(seed)})
	}
}

// add counts a scenario, and reports whether it is to be shrunk.
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
			fmt.Fprintf(w, "  the smallest script that fails so; put it into a FILE and run: intentra sim --script FILE --trace\n\n    %s\n\n",
				strings.Join(f.Script, "\n    "))
		}
	}
	_, err := fmt.Fprintf(w, "%d seeds from %d, %.1f simulated peer-hours, %d messages sent, %d delivered, %d failed\n"+
		"%.1f s, %.1f s of CPU, %.0f peer-seconds a second of CPU\n",
		r.Seeds, r.First, r.PeerHours, r.Sent, r.Delivered, len(r.Failures), r.ElapsedS, r.CPUS, r.Speed)
	return err
}
