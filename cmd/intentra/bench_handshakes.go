package main

import (
	"fmt"
	"io"

	"github.com/intentra/intentra/internal/load"
)

type benchHandshakesCmd struct {
	Concurrency int  `default:"64" help:"Handshakes that run at any time."`
	Dialers     *int `placeholder:"2" help:"Dialling processes; 2 by default, or 1 for 1 handshake at a time."`
	benchFlags
}

func (c *benchHandshakesCmd) Help() string {
	return `Processes connect and disconnect under some thousands of identities, as fast as they are admitted:
once with limits raised so far that the CPU is the limit, and once with the default limits, for --duration each.
CPU is the time that the listening process uses for each handshake completed.

--json prints {"concurrency","dialers","identities","duration_s","raised":{"handshakes","handshakes_per_s","cpu_us_per_handshake",
"failed","outcomes":{}},"default":{},"raised_limits":{},"interrupted"}. Outcomes count handshakes and their packets at the listener.`
}

// handshakesResult is the result of a benchmark of handshakes.
type handshakesResult struct {
	Concurrency int             `json:"concurrency"`
	Dialers     int             `json:"dialers"`
	Identities  int             `json:"identities"`
	DurationS   float64         `json:"duration_s"`
	Raised      *acceptedResult `json:"raised,omitempty"`  // nil if it is incomplete
	Default     *acceptedResult `json:"default,omitempty"` // nil if it is incomplete
	Limits      load.Limits     `json:"raised_limits"`
	Interrupted bool            `json:"interrupted"`
}

// acceptedResult is the result of one listener.
type acceptedResult struct {
	Handshakes uint64            `json:"handshakes"`
	PerSecond  float64           `json:"handshakes_per_s"`
	CPUUs      float64           `json:"cpu_us_per_handshake"`
	Failed     uint64            `json:"failed"`
	Failure    string            `json:"failure,omitempty"` // one of them
	Outcomes   map[string]uint64 `json:"outcomes"`
}

// check returns a usage error for invalid flags.
func (c *benchHandshakesCmd) check() error {
	err := checkBench("handshakes",
		benchRange{"concurrency", float64(c.Concurrency), 1, spareIdentities},
		benchRange{"dialers", float64(c.dialers()), 1, float64(min(max(c.Concurrency, 1), maxBenchSenders))},
	)
	if err == nil {
		err = checkDuration("handshakes", "duration", c.Duration, leastDuration)
	}
	return err
}

func (c *benchHandshakesCmd) dialers() int { return processes(c.Dialers, c.Concurrency) }

func (c *benchHandshakesCmd) Run(e *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	r := &handshakesResult{
		Concurrency: c.Concurrency, Dialers: c.dialers(), Identities: spareIdentities, DurationS: seconds(c.Duration),
		Limits: load.LimitsFor(spareIdentities, 0),
	}
	out, _ := e.live(c.JSON)
	err := c.measure(e, r)
	r.Interrupted = e.interrupted(err)
	if err := e.benchEnd("handshakes", err); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e.stdout, r)
	}
	return r.writeTable(out)
}

func (c *benchHandshakesCmd) measure(e *environment, r *handshakesResult) (err error) {
	if r.Raised, err = c.listener(e, "handshakes, raised limits", r.Limits); err != nil {
		return err
	}
	r.Default, err = c.listener(e, "handshakes, default limits", load.Limits{})
	return err
}

// listener measures a listener with the given limits.
func (c *benchHandshakesCmd) listener(e *environment, what string, limits load.Limits) (*acceptedResult, error) {
	b, err := e.testbed(spareIdentities, c.dialers(), limits)
	if err != nil {
		return nil, err
	}
	a, err := load.OpenAdmission(e.ctx, b)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	var r *load.Accepted
	err = e.progress().during(what, elapsed(c.Duration), func() (err error) {
		r, err = a.Measure(e.ctx, 0, c.Concurrency, c.Duration)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &acceptedResult{
		Handshakes: r.Handshakes, PerSecond: r.PerSecond, CPUUs: microseconds(r.CPU), Failed: r.Failed, Failure: r.Failure, Outcomes: r.Outcomes,
	}, nil
}

// writeTable prints the result for people, unless it is empty.
func (r *handshakesResult) writeTable(w io.Writer) error {
	if r.Raised == nil {
		return nil
	}
	fmt.Fprintf(w, "%d handshakes at a time from %d processes under %d identities, %g s each\n",
		r.Concurrency, r.Dialers, r.Identities, r.DurationS)
	writeLimits(w, r.Limits)
	_, err := fmt.Fprintf(w, "%-8s %12s %12s %10s\n", "limits", "handshakes/s", "CPU us each", "failed")
	for _, row := range []struct {
		name string
		*acceptedResult
	}{{"raised", r.Raised}, {"default", r.Default}} {
		a := row.acceptedResult
		if a == nil {
			continue
		}
		_, err = fmt.Fprintf(w, "%-8s %12.0f %12.0f %10d\n", row.name, a.PerSecond, a.CPUUs, a.Failed)
		load.WrapList(w, 9, "at the listener: ", outcomes(a.Outcomes))
		if a.Failure != "" {
			fmt.Fprintf(w, "%9sone failure: %s\n", "", a.Failure)
		}
	}
	return err
}

// outcomes lists counts by name.
func outcomes(counts map[string]uint64) []string { return load.Drops(counts).List() }
