package main

import (
	"fmt"
	"io"
	"time"

	"github.com/intentra/intentra/internal/load"
)

type demoCmd struct {
	Peers    int            `default:"50" help:"Peers, each with its own socket."`
	Rate     float64        `default:"60" help:"States per second that each peer publishes."`
	Size     int            `default:"128" help:"Bytes in a state, at least ${min_state}."`
	Publish  *time.Duration `name:"duration" placeholder:"TIME" help:"How long to publish. Default 10s; with a page, until interrupted."`
	Duration time.Duration  `kong:"-"` // Publish, or zero without it
	JSON     bool           `name:"json" help:"Print the result as one JSON object, the last line of standard output."`
	NoPage   bool           `name:"no-page" help:"Do not serve the live page, which the demo otherwise does unless --json or --duration is given."`
	pageFlags
}

func (c *demoCmd) Help() string {
	return `A hub and its peers run in this process and exchange real datagrams over the loopback interface, from the handshakes on.
Every peer publishes a topic and subscribes to those of all the others, whose bytes it checks. Delivery is the share of the
sent states. If the machine cannot keep up, states are sent late, which is counted, or not at all. An interrupt ends the demo
early, with the result of what was measured before.

--json prints {"peers","rate_hz","size_bytes","intent","suite","duration_s","states_asked","states_sent","states_late",
"states_received","deliveries_expected","deliveries","delivery","latency_us":{"p50","p99","p999","max"},
"drops":{"stage/reason"},"corrupt","repeated","cpu_s","rss_bytes"}. states_asked are those that fell due, states_late those sent
more than a period after they were due, states_received those of them that the hub received. Latency is from a publisher's Send to
a subscriber's Handler; cpu_s and rss_bytes are those of the whole process. With a page, relay/lost in drops counts datagrams
that were dropped on the way between peers and the hub, as the controls say.`
}

// What we chose.
const (
	demoDuration = 10 * time.Second
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
	case c.Size < load.MinState:
		return usagef("demo: --size is %d; give at least %d bytes", c.Size, load.MinState)
	case c.Publish != nil && *c.Publish <= 0:
		return usagef("demo: --duration is %v; give a positive duration such as 10s", *c.Publish)
	}
	if c.Publish != nil {
		c.Duration = *c.Publish
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
	if c.HTTP == "" && c.Duration == 0 && !c.JSON && !c.NoPage {
		c.HTTP = "127.0.0.1:0"
	}
	page, err := c.pageFlags.open(e)
	if err != nil {
		return err
	}
	if page != nil {
		defer page.close()
		return c.runShow(e, page)
	}
	if c.Duration == 0 {
		c.Duration = demoDuration
	}
	d, err := startDemo(c)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer d.close()
	if limit := d.hub.Transport().MaxMessageSize(); c.Size > limit {
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

// live returns where the live table goes, and whether that is a terminal. If
// stdout is for JSON, the table goes to stderr if that is a terminal, and else
// nowhere.
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
