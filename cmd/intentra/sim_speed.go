package main

import (
	"fmt"
	"time"

	"github.com/intentra/intentra/internal/load"
	"github.com/intentra/intentra/internal/swarm"
)

// What we chose: the fleets whose simulation is timed, and the minimum of CPU
// time for each. The operating system counts CPU time in steps of 10 ms.
const speedCPU = 2 * time.Second

var (
	speedPeers = []int{2, 100, 2000}
	speedKinds = []struct {
		name    string
		every   time.Duration
		audited bool
	}{
		{"idle", 0, false},
		{"10 states/s each", 100 * time.Millisecond, false},
		{"10 states/s each, all checks", 100 * time.Millisecond, true},
	}
)

// speedRow is a fleet in JSON.
type speedRow struct {
	Peers      int     `json:"peers"`
	Load       string  `json:"load"`
	SimulatedS float64 `json:"simulated_s"`
	CPUS       float64 `json:"cpu_s"`
	Speed      float64 `json:"peer_seconds_per_cpu_second"`
	Datagrams  uint64  `json:"datagrams"`
}

// speed measures how many peer-seconds are simulated per second of CPU time.
func (c *simCmd) speed(e *environment) error {
	out, _ := e.live(c.JSON)
	fmt.Fprintln(out, "| peers | load | peer-seconds per CPU second | datagrams per CPU second |")
	fmt.Fprintln(out, "|---:|---|---:|---:|")
	rows := []speedRow{} // encodes as [] instead of null
	for _, peers := range speedPeers {
		for _, k := range speedKinds {
			f := swarm.Fleet{Peers: peers, Every: k.every, Audited: k.audited, Stop: func() bool { return e.ctx.Err() != nil }}
			r := speedRow{Peers: peers, Load: k.name}
			err := e.progress().during(fmt.Sprintf("speed, %d peers, %s", peers, k.name), func() (float64, string) { return 0, "" },
				func() error { return r.measure(e, f, c.First) })
			if e.ctx.Err() != nil {
				break // the following fleets break as well
			}
			if err != nil {
				return err
			}
			rows = append(rows, r)
			fmt.Fprintf(out, "| %d | %s | %.0f | %.0f |\n", r.Peers, r.Load, r.Speed, float64(r.Datagrams)/r.CPUS)
		}
	}
	if e.ctx.Err() != nil {
		fmt.Fprintln(e.stderr, "interrupted: unfinished rows are omitted")
	}
	if c.JSON {
		return printJSON(e.stdout, rows)
	}
	return nil
}

// measure runs the connected fleet until it has used enough CPU time.
func (r *speedRow) measure(e *environment, f swarm.Fleet, seed uint64) error {
	w, err := f.World(seed)
	if err != nil {
		return err
	}
	began, before := w.Elapsed(), w.Totals().Links.Sent
	cpu, err := load.CPUTime()
	if err != nil {
		return err
	}
	used, step := time.Duration(0), time.Second
	for used < speedCPU && e.ctx.Err() == nil {
		if err := w.Run(step); err != nil {
			return err
		}
		step *= 2 // so that reading the CPU time is negligible
		now, err := load.CPUTime()
		if err != nil {
			return err
		}
		used = now - cpu
	}
	r.CPUS = seconds(used)
	simulated := w.Elapsed() - began
	r.SimulatedS, r.Datagrams = seconds(simulated), w.Totals().Links.Sent-before
	r.Speed = load.Ratio(seconds(simulated)*float64(f.Peers), r.CPUS)
	return nil
}
