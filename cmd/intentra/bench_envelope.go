package main

import (
	"fmt"
	"io"
	"math"
	"time"

	"github.com/intentra/intentra/internal/load"
)

type benchEnvelopeCmd struct {
	Peers       int           `default:"2000" help:"Peers that send, each with its own session."`
	Hz          *float64      `xor:"load" placeholder:"500" help:"Messages per second that each peer sends, 500 by default."`
	Ladder      bool          `xor:"load" help:"Measure at rising loads from 0.25 to 4 million messages per second in all, instead of --hz."`
	Size        int           `default:"128" help:"Bytes in a message."`
	Senders     *int          `placeholder:"2" help:"Sending processes, each with one socket for its share of the peers; 2 by default, or 1 for 1 peer."`
	Warmup      time.Duration `default:"1s" help:"How long to send before measuring."`
	Receive     string        `default:"handler" enum:"handler,batch,one" help:"How messages are received: ${enum}; batch is ReceiveBatch, one is Receive."`
	HandlerCost time.Duration `default:"0s" help:"Keep the CPU busy this long for each message, such as 1us, for overload."`
	benchFlags
}

func (c *benchEnvelopeCmd) Help() string {
	return `Senders in separate processes offer messages, evenly spaced in time, to one receiving loop in this process.
A message that is more than 20 ms late at the sender is skipped; then fewer messages are sent than offered.

Delivery is the share of the sent messages that were delivered, at most a second after the measured time.
Latency is one-way, from Send to the Handler, by the monotonic clock that all processes of the machine share;
above 50,000 messages a second, a random sample of them is measured.
CPU is the time that this process uses during the sending, for each message delivered.

--json prints {"points":[{"peers","hz","offered_pps","sent_pps","delivered_pps","delivery","offered","skipped","sent",
"delivered","latency_us":{"p50","p90","p99","p999","max","samples"},"cpu_ns_per_packet","sender_cpu_ns_per_packet",
"messages_per_datagram","datagrams_sent_per_message","drops":{"stage/reason"},"sender_drops":{}}],"size_bytes","senders","way","warmup_s","duration_s",
"raised_limits":{},"interrupted"}. The drop reason socket/overflow is that of the kernel, for a full socket buffer.`
}

// ladder has the loads of --ladder, in messages per second.
var ladder = []float64{0.25e6, 0.5e6, 1e6, 1.2e6, 1.5e6, 2e6, 3e6, 4e6}

// benchPoints is the result of an envelope or a fan-out.
type benchPoints struct {
	Points    []*load.Point `json:"points"`
	SizeBytes int           `json:"size_bytes"`
	Senders   int           `json:"senders,omitempty"` // processes
	Sockets   int           `json:"sockets,omitempty"` // that the peers of a fan-out share
	Way       string        `json:"way,omitempty"`
	WarmupS   float64       `json:"warmup_s"`
	DurationS float64       `json:"duration_s"`
	Limits    load.Limits   `json:"raised_limits"`

	// Interrupted is true if there are fewer points than requested.
	Interrupted bool `json:"interrupted"`
}

// check returns a usage error for invalid flags.
func (c *benchEnvelopeCmd) check() error {
	err := checkBench("envelope",
		peersRange(c.Peers), sizeRange(c.Size),
		benchRange{"hz", c.hz(), 0.001, math.Round(maxBenchRate / float64(max(c.Peers, 1)))},
		benchRange{"senders", float64(c.senders()), 1, float64(min(max(c.Peers, 1), maxBenchSenders))},
	)
	if err == nil {
		err = checkDuration("envelope", "duration", c.Duration, leastDuration)
	}
	if err == nil {
		err = checkDuration("envelope", "warmup", c.Warmup, 0)
	}
	if err == nil {
		err = checkDuration("envelope", "handler-cost", c.HandlerCost, 0)
	}
	return err
}

// rates returns the loads to measure, in messages per second.
func (c *benchEnvelopeCmd) rates() []float64 {
	if c.Ladder {
		return ladder
	}
	return []float64{c.hz() * float64(c.Peers)}
}

// hz returns --hz or its default. kong must not know the default: it would report
// a conflict with --ladder.
func (c *benchEnvelopeCmd) hz() float64 {
	if c.Hz == nil {
		return 500
	}
	return *c.Hz
}

func (c *benchEnvelopeCmd) senders() int { return processes(c.Senders, c.Peers) }

func (c *benchEnvelopeCmd) Run(e *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	rates := c.rates()
	r := &benchPoints{
		Points: []*load.Point{}, SizeBytes: c.Size, Senders: c.senders(),
		Way:     load.EnvelopeConfig{Way: load.ReceiveWay(c.Receive), HandlerCost: c.HandlerCost}.String(),
		WarmupS: seconds(c.Warmup), DurationS: seconds(c.Duration),
		Limits: load.LimitsFor(c.Peers, rates[len(rates)-1]/float64(c.Peers)),
	}
	table, _ := e.live(c.JSON)
	err := c.measure(e, rates, r, table)
	r.Interrupted = e.interrupted(err)
	if err := e.benchEnd("envelope", err); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e.stdout, r)
	}
	return nil
}

// measure adds each point to the result and to the table.
func (c *benchEnvelopeCmd) measure(e *environment, rates []float64, r *benchPoints, table io.Writer) error {
	b, err := e.testbed(c.Peers, r.Senders, r.Limits)
	if err != nil {
		return err
	}
	env, err := load.OpenEnvelope(e.ctx, b, load.EnvelopeConfig{Way: load.ReceiveWay(c.Receive), HandlerCost: c.HandlerCost})
	if err != nil {
		return err
	}
	defer env.Close()
	p := e.progress()
	err = p.during("connecting", connecting(env.Connected, c.Peers), func() error { return env.Connect(e.ctx) })
	if err != nil {
		return err
	}
	fmt.Fprintf(table, "%d peers, %d-byte messages, %d sending processes\n%v each after a warm-up of %v; received by %s\n",
		c.Peers, c.Size, r.Senders, c.Duration, c.Warmup, r.Way)
	writeLimits(table, r.Limits)
	for i, rate := range rates {
		var point *load.Point
		what := fmt.Sprintf("point %d/%d, %.2f M/s", i+1, len(rates), rate/1e6)
		err := p.during(what, elapsed(c.Warmup+c.Duration), func() (err error) {
			point, err = env.Measure(e.ctx, rate, c.Size, c.Warmup, c.Duration)
			return err
		})
		if err != nil {
			return err
		}
		if i == 0 {
			writePointHeader(table)
		}
		r.Points = append(r.Points, point)
		writePoint(table, point)
	}
	return nil
}
