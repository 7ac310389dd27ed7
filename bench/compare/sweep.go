package compare

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/trial"
)

// SweepOptions are those of a sweep.
type SweepOptions struct {
	Shape trial.Shape
	// Length of each measurement.
	Length time.Duration
	// From and To are the lowest and highest offered rate in messages per
	// second. PerDecade is the number of rates for each factor of ten.
	From, To  float64
	PerDecade int
}

// SweepDefaults returns the defaults of the command.
func SweepDefaults() SweepOptions {
	return SweepOptions{
		Shape:  trial.Shape{Connections: 100, Senders: 2, Size: 128, Buffer: 4 << 20},
		Length: 2 * time.Second, From: 10e3, To: 8e6, PerDecade: 6,
	}
}

// SweepNames are the default contenders of a sweep.
var SweepNames = []string{"raw", "intentra", "quic-go", "pion-dtls", "udp"}

// Sweep is the result of a sweep.
type Sweep struct {
	Machine Machine             `json:"machine"`
	Shape   trial.Shape         `json:"shape"`
	Seconds float64             `json:"seconds"`
	Raised  map[string][]string `json:"raised_limits"`
	Curves  []Curve             `json:"curves"`
}

// Curve has the points of one contender under rising load.
type Curve struct {
	Contender string        `json:"contender"`
	Points    []trial.Point `json:"points"`
}

// RunSweep measures the contenders of list, and reports to progress.
func RunSweep(ctx context.Context, o SweepOptions, list []contender.Contender, progress io.Writer) (*Sweep, error) {
	r := &Sweep{
		Machine: ThisMachine(o.Shape.Buffer, trial.Modules),
		Shape:   o.Shape, Seconds: o.Length.Seconds(), Raised: map[string][]string{},
	}
	for i, c := range list {
		fmt.Fprintf(progress, "%d/%d %s: connecting\n", i+1, len(list), c.Name())
		points, err := curve(ctx, o, c, progress)
		if err != nil {
			return nil, err
		}
		r.Curves = append(r.Curves, Curve{c.Name(), points})
		if limits := c.Raised(contender.Setup{Connections: o.Shape.Connections}); len(limits) > 0 {
			r.Raised[c.Name()] = limits
		}
	}
	return r, nil
}

// Print writes a table of the points for people.
func (r *Sweep) Print(w io.Writer) {
	fmt.Fprintf(w, "%-16s %10s %10s %11s %9s %9s %9s\n", "", "offered/s", "sent/s", "delivered/s", "delivery", "p50", "p99")
	for _, c := range r.Curves {
		for _, p := range c.Points {
			fmt.Fprintf(w, "%-16s %10s %10s %11s %9s %9s %9s\n", c.Contender, thousands(p.Offered), thousands(p.SentRate),
				thousands(p.DeliveredRate), percent(p.Delivery), micro(p.P50us), micro(p.P99us))
		}
	}
}

const (
	// keptUp is the least share of the offered rate that senders reach. Below
	// it they are the limit, and a higher offer would not be a higher load.
	keptUp = 0.9
	// lost is the delivery below which a higher load is not worth measuring.
	lost = 0.2
)

func curve(ctx context.Context, o SweepOptions, c contender.Contender, progress io.Writer) (points []trial.Point, err error) {
	rig, err := trial.Open(ctx, c, o.Shape)
	if err != nil {
		return nil, err
	}
	defer rig.Close()
	for _, rate := range Rates(o.From, o.To, o.PerDecade) {
		p, err := rig.Offer(ctx, rate, o.Length)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name(), err)
		}
		fmt.Fprintf(progress, "  %s: %s\n", c.Name(), p)
		points = append(points, p)
		if p.SentRate < keptUp*rate || p.Delivery < lost {
			break
		}
	}
	return points, nil
}

// Rates returns rates from the first to the last, evenly spaced on a logarithmic
// scale.
func Rates(from, to float64, perDecade int) (rates []float64) {
	n := int(math.Round(math.Log10(to/from) * float64(perDecade)))
	for i := range n + 1 {
		rates = append(rates, from*math.Pow(10, float64(i)/float64(perDecade)))
	}
	return rates
}
