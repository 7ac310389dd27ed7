package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/intentra/intentra/internal/histogram"
	"github.com/intentra/intentra/internal/load"
)

type benchLatencyCmd struct {
	Peers      int     `default:"100" help:"Peers that send every message back, over one socket of another process."`
	Hz         float64 `default:"5" help:"Messages per second to each peer."`
	Size       int     `default:"128" help:"Bytes in a message."`
	Rounds     int     `default:"5" help:"How many rounds, each of which measures intentra and plain UDP."`
	Connecting float64 `placeholder:"RATE" help:"Also measure while others connect at this rate per second; 0, the default, skips that."`
	benchFlags
}

func (c *benchLatencyCmd) Help() string {
	return `A goroutine of this process sends messages, evenly spaced in time, to the peers in turn; Handlers send them back.
Plain UDP is the same with one net.UDPConn in each process. Both are measured alternately, and --duration is the total time of each.
The ratio is that of the medians over the rounds.

--json prints {"peers","hz","size_bytes","rounds","duration_s","rtt_us":{"p50","p90","p99","p999","max","samples"},"sent","back",
"plain_us":{},"plain_sent","plain_back","ratio_p50","connecting":{"rate","connected","failed","rtt_us":{},"sent","back",
"ratio_p99"},"raised_limits":{},"interrupted"}. ratio_p99 is the 99th percentile while others connect, divided by that without.`
}

// latencyResult is the result of a benchmark of latency.
type latencyResult struct {
	Peers     int     `json:"peers"`
	Hz        float64 `json:"hz"`
	SizeBytes int     `json:"size_bytes"`
	Rounds    int     `json:"rounds"` // completed
	DurationS float64 `json:"duration_s"`

	tripsResult
	Plain     load.Latency `json:"plain_us"`
	PlainSent uint64       `json:"plain_sent"`
	PlainBack uint64       `json:"plain_back"`
	RatioP50  float64      `json:"ratio_p50"`

	Connecting *connectingResult `json:"connecting,omitempty"`
	Limits     load.Limits       `json:"raised_limits"`

	// Interrupted is true if there are fewer rounds than requested.
	Interrupted bool `json:"interrupted"`
}

// tripsResult has round trips of intentra.
type tripsResult struct {
	RTT  load.Latency `json:"rtt_us"`
	Sent uint64       `json:"sent"`
	Back uint64       `json:"back"`
}

// connectingResult has round trips while others connect.
type connectingResult struct {
	Rate      float64 `json:"rate"` // intended dials per second
	Connected uint64  `json:"connected"`
	Failed    uint64  `json:"failed"`
	Failure   string  `json:"failure,omitempty"` // the first
	tripsResult
	RatioP99 float64 `json:"ratio_p99"`
}

// check returns a usage error for invalid flags.
func (c *benchLatencyCmd) check() error {
	err := checkBench("latency",
		peersRange(c.Peers), sizeRange(c.Size), benchRange{"hz", c.Hz, 0.001, maxBenchRate / float64(max(c.Peers, 1))},
		benchRange{"rounds", float64(c.Rounds), 1, 1000}, benchRange{"connecting", c.Connecting, 0, maxConnecting},
	)
	if err == nil {
		err = checkDuration("latency", "duration", c.Duration, time.Duration(max(c.Rounds, 1))*leastDuration)
	}
	return err
}

// What we chose.
const (
	maxConnecting = 5000 // per second
	// spareIdentities is the most identities that connect in turn: enough that
	// none connects again before it is disconnected.
	spareIdentities = 4096
)

func (c *benchLatencyCmd) Run(e *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	m := &latencyRun{c: c}
	out, _ := e.live(c.JSON)
	err := m.measure(e)
	r := m.result()
	r.Interrupted = e.interrupted(err)
	if err := e.benchEnd("latency", err); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e.stdout, r)
	}
	return r.writeTable(out)
}

// latencyRun is a benchmark in progress.
type latencyRun struct {
	c                   *benchLatencyCmd
	rounds              int
	ours, plain, loaded series
	connected, failed   uint64
	failure             string
}

// series has the round trips of one kind over the rounds.
type series struct {
	sent, back uint64
	times      histogram.Snapshot
	p50, p99   []float64 // of each round, in microseconds
}

func (s *series) add(t load.Trips) {
	s.sent += t.Sent
	s.back += t.Back
	s.times.Add(t.Times)
	l := load.LatencyOf(t.Times)
	s.p50, s.p99 = append(s.p50, l.P50), append(s.p99, l.P99)
}

func (s *series) result() tripsResult {
	return tripsResult{RTT: load.LatencyOf(&s.times), Sent: s.sent, Back: s.back}
}

// median returns the median of values, or zero without values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func (m *latencyRun) measure(e *environment) error {
	c := m.c
	b, err := e.testbed(c.Peers, 1, load.LimitsFor(c.Peers, c.Hz))
	if err != nil {
		return err
	}
	if c.Connecting > 0 {
		b.Spare = spareFor(c.Connecting)
	}
	r, err := load.OpenRoundTrips(e.ctx, b)
	if err != nil {
		return err
	}
	defer r.Close()
	p := e.progress()
	err = p.during("connecting", connecting(r.Connected, c.Peers), func() error { return r.Connect(e.ctx) })
	if err != nil {
		return err
	}
	kinds := 2
	if c.Connecting > 0 {
		kinds = 3
	}
	return p.during("round trips", elapsed(time.Duration(kinds)*c.Duration), func() error { return m.all(e, r) })
}

// all measures all rounds.
func (m *latencyRun) all(e *environment, r *load.RoundTrips) error {
	c, each := m.c, m.c.Duration/time.Duration(m.c.Rounds)
	rate := c.Hz * float64(c.Peers)
	for range c.Rounds {
		ours, err := r.Measure(e.ctx, rate, c.Size, each)
		if err != nil {
			return err
		}
		plain, err := r.MeasurePlain(e.ctx, rate, c.Size, each)
		if err != nil {
			return err
		}
		var loaded load.Trips
		var dialled load.Dialled
		if c.Connecting > 0 {
			if loaded, dialled, err = r.MeasureConnecting(e.ctx, c.Connecting, rate, c.Size, each); err != nil {
				return err
			}
		}
		if e.ctx.Err() != nil {
			return context.Cause(e.ctx) // the round may be incomplete
		}
		if c.Connecting > 0 {
			m.loaded.add(loaded)
			m.connected += dialled.Connected
			m.failed += dialled.Failed
			m.failure = cmp.Or(m.failure, dialled.Failure)
		}
		m.ours.add(ours)
		m.plain.add(plain)
		m.rounds++
	}
	return nil
}

func (m *latencyRun) result() *latencyResult {
	plain := m.plain.result()
	r := &latencyResult{
		Peers: m.c.Peers, Hz: m.c.Hz, SizeBytes: m.c.Size, Rounds: m.rounds, DurationS: seconds(m.c.Duration),
		tripsResult: m.ours.result(), Plain: plain.RTT, PlainSent: plain.Sent, PlainBack: plain.Back,
		RatioP50: load.Ratio(median(m.ours.p50), median(m.plain.p50)),
		Limits:   load.LimitsFor(m.c.Peers, m.c.Hz),
	}
	if m.c.Connecting > 0 {
		r.Connecting = &connectingResult{
			Rate: m.c.Connecting, Connected: m.connected, Failed: m.failed, Failure: m.failure, tripsResult: m.loaded.result(),
			RatioP99: load.Ratio(median(m.loaded.p99), median(m.ours.p99)),
		}
	}
	return r
}

// writeTable prints the result for people, unless it is empty.
func (r *latencyResult) writeTable(w io.Writer) error {
	if r.Rounds == 0 {
		return nil
	}
	fmt.Fprintf(w, "%d peers, %g messages per second to each, %d bytes, %d rounds in turn\n", r.Peers, r.Hz, r.SizeBytes, r.Rounds)
	writeLimits(w, r.Limits)
	fmt.Fprintf(w, "%-16s %8s %8s %8s %8s %9s %8s %7s\n", "round trips", "p50 us", "p90 us", "p99 us", "p99.9 us", "max us", "sent", "back")
	row := func(name string, l load.Latency, sent, back uint64) {
		fmt.Fprintf(w, "%-16s %8.1f %8.1f %8.1f %8.1f %9.1f %8d %7d\n", name, l.P50, l.P90, l.P99, l.P999, l.Max, sent, back)
	}
	row("intentra", r.RTT, r.Sent, r.Back)
	row("plain UDP", r.Plain, r.PlainSent, r.PlainBack)
	if c := r.Connecting; c != nil {
		row("while connecting", c.RTT, c.Sent, c.Back)
	}
	_, err := fmt.Fprintf(w, "\np50: %.2f times plain UDP's\n", r.RatioP50)
	if c := r.Connecting; c != nil && err == nil {
		_, err = fmt.Fprintf(w, "p99 while %g others connect per second: %.2f times that without\n  %d connected, %d failed %s\n",
			c.Rate, c.RatioP99, c.Connected, c.Failed, c.Failure)
	}
	return err
}

// spareFor returns how many identities connect in turn at a rate: enough that
// none connects again within ten seconds, and at most spareIdentities.
func spareFor(perSecond float64) int {
	return int(min(spareIdentities, 10*perSecond+1))
}
