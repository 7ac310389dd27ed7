package main

import (
	"fmt"
	"io"
	"time"
)

type demoCmd struct {
	Peers    int           `default:"50" help:"Peers, each with a socket of its own."`
	Rate     float64       `default:"60" help:"States per second that each peer publishes."`
	Size     int           `default:"128" help:"Bytes in a state, at least ${min_state}."`
	Duration time.Duration `default:"10s" help:"How long to publish."`
	JSON     bool          `name:"json" help:"Print the result as one JSON object, the last line of standard output."`
}

func (c *demoCmd) Help() string {
	return `A hub and its peers run in this process and exchange real datagrams over the loopback interface, handshakes and all.
Every state that a peer publishes is due at all the others, where each byte of it is checked. Delivery is of what was sent.
Where the machine cannot keep up, states leave late, counted as late, or not at all until the end. An interrupt ends the demo
early, with the table of what was measured until then.

--json prints {"peers","rate_hz","size_bytes","intent","suite","duration_s","states_asked","states_sent","states_late",
"states_received","deliveries_expected","deliveries","delivery","latency_us":{"p50","p99","p999","max"},
"drops":{"stage/reason"},"corrupt","repeated","cpu_s","rss_bytes"}. states_asked are those that fell due, states_late those sent
more than their period after that, states_received what has reached the hub. Latency is from a publisher's Send to
a subscriber's Handler; cpu_s and rss_bytes are the whole process's.`
}

// What we chose.
const (
	maxDemoPeers = 10_000
	minDemoRate  = 0.001 // states per second and peer
	maxDemoRate  = 100_000
)

func (c *demoCmd) check() error {
	switch {
	case c.Peers < 2 || c.Peers > maxDemoPeers:
		return usagef("demo: --peers is %d; give 2 to %d", c.Peers, maxDemoPeers)
	case !(c.Rate >= minDemoRate && c.Rate <= maxDemoRate):
		return usagef("demo: --rate is %v; give %v to %d states per second", c.Rate, minDemoRate, maxDemoRate)
	case c.Size < minState:
		return usagef("demo: --size is %d; give at least %d bytes", c.Size, minState)
	case c.Duration <= 0:
		return usagef("demo: --duration is %v; give a positive duration such as 10s", c.Duration)
	}
	return nil
}

func (c *demoCmd) Run(e *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := checkFiles(c.Peers + 1); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	d, err := startDemo(c)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer d.close()
	if limit := d.hub.MaxMessageSize(); c.Size > limit {
		return usagef("demo: --size is %d; a message has at most %d bytes", c.Size, limit)
	}
	live, terminal := e.live(c.JSON)
	if err := d.connect(e.ctx, live, terminal); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	result, err := d.measure(e.ctx, live)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := c.print(e.stdout, result); err != nil {
		return err
	}
	return result.check()
}

// live returns where the table of each second goes, and whether that is a
// terminal. With JSON on stdout it is for whoever watches, if anybody.
func (e *environment) live(json bool) (w io.Writer, terminal bool) {
	switch {
	case !json:
		return e.stdout, e.stdoutTerminal
	case e.stderrTerminal:
		return e.stderr, true
	}
	return io.Discard, false
}

func (c *demoCmd) print(w io.Writer, r *demoResult) error {
	if c.JSON {
		return printJSON(w, r)
	}
	return r.writeTable(w)
}
