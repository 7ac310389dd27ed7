// Market is an exchange that publishes quotes and trades through a hub to three
// readers: a fast one, a slow one, and one that stops reading for a while.
//
//	go run ./examples/market                              # the best prices in the terminal
//	go run ./examples/market --check                      # measured and judged
//	go run ./examples/market --check --messages FILE.csv  # a recorded order book (LOBSTER)
//
// Quotes are Latest: a reader that falls behind skips to the newest quote of each
// symbol, and none delays another. Trades are Reliable: a reader gets all of them in
// order, or learns how many it has missed. --check exits with code 1 if a reader saw a
// quote that was older than one it had seen, does not end with the newest quotes, or
// missed a trade without being told.
package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/intentra/intentra/examples/internal/site"
	"github.com/intentra/intentra/examples/internal/tally"
)

func main() { tally.Main("market", program) }

func program(flags *flag.FlagSet) func(show io.Writer) (tally.Run, error) {
	p := plan{tick: time.Millisecond}
	flags.DurationVar(&p.duration, "duration", 10*time.Second, "how long to publish")
	flags.Float64Var(&p.rate, "rate", 2000, "events per second, on average")
	seed := flags.Uint64("seed", 1, "of made-up events")
	messages := flags.String("messages", "", "a message file of LOBSTER, instead of made-up events")
	symbol := flags.String("symbol", "AAPL", "the symbol of the message file")
	return func(show io.Writer) (tally.Run, error) {
		p.show = show
		if p.duration <= 0 || !(p.rate >= 1 && p.rate <= 20_000) {
			return nil, fmt.Errorf("give a positive duration, and 1 to 20,000 events per second")
		}
		n := int(p.duration.Seconds() * p.rate)
		if *messages == "" {
			p.events = makeEvents(*seed, n)
			return p.run, nil
		}
		all, err := readEvents(*messages, *symbol)
		if err != nil {
			return nil, err
		}
		p.events = all[:min(len(all), n)]
		return p.run, nil
	}
}

// plan is what a run does.
type plan struct {
	events         []event
	duration, tick time.Duration
	rate           float64
	show           io.Writer
}

// settle is how long the subscriptions may take to be in force, and the end to arrive.
const settle = 5 * time.Second

// world is a run under way.
type world struct {
	plan
	site.Site
	exchange *exchange
	readers  []*reader
	drawn    time.Duration
}

// run publishes all events at a multiple of their speed that fits the duration.
func (p plan) run(s site.Site) (*tally.Report, error) {
	w := &world{plan: p, Site: s}
	speed := float64(p.events[len(p.events)-1].at+1) / float64(p.duration)
	var err error
	if w.exchange, err = newExchange(s, p.events, speed); err != nil {
		return nil, err
	}
	for _, r := range []struct {
		name   string
		period time.Duration
		batch  int
	}{{"fast", 0, 1 << 20}, {"slow", 50 * time.Millisecond, 100}, {"stalled", 0, 1 << 20}} {
		reader, err := newReader(s, r.name, r.period, r.batch)
		if err != nil {
			return nil, err
		}
		w.readers = append(w.readers, reader)
	}
	if err := w.pass(settle, w.wanted); err != nil {
		return nil, err
	}
	w.exchange.began = s.Now()
	stalled := w.readers[2]
	stalled.stalled = [2]time.Duration{s.Now() + p.duration/4, s.Now() + p.duration*3/4}
	if err := w.pass(p.duration+settle, func() bool { return len(w.exchange.events) == 0 }); err != nil {
		return nil, err
	}
	if err := w.pass(settle, w.current); err != nil {
		return nil, err
	}
	return w.report(), nil
}

// wanted reports whether all topics have subscribers, so that no trade is missed.
func (w *world) wanted() bool {
	for _, l := range w.exchange.lines {
		if l.trades.Err() != nil || !l.trades.Wanted() {
			return false
		}
	}
	return w.Now() > settle/10 // announcements have arrived
}

// current reports whether every reader has the newest quotes and all trades.
func (w *world) current() bool {
	for _, r := range w.readers {
		for symbol, l := range w.exchange.lines {
			if r.latest["quote/"+symbol] != l.last || r.missed == 0 && r.count["trade/"+symbol] != l.sold {
				return false
			}
		}
	}
	return true
}

func (w *world) pass(d time.Duration, done func() bool) error {
	for end := w.Now() + d; w.Now() < end && !done(); {
		if w.exchange.began != 0 { // also after the last event, to repeat quotes
			if _, err := w.exchange.step(w.Now()); err != nil {
				return err
			}
		}
		if err := w.Sleep(w.tick); err != nil {
			return err
		}
		for _, r := range w.readers {
			if err := r.step(w.Now()); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
		}
		if w.show != nil && w.Now()-w.drawn > 250*time.Millisecond {
			w.drawn = w.Now()
			w.draw()
		}
	}
	return nil
}

// draw shows the newest quotes of each reader.
func (w *world) draw() {
	fmt.Fprint(w.show, "\x1b[H\x1b[2J")
	for _, symbol := range slices.Sorted(maps.Keys(w.exchange.lines)) {
		for _, r := range w.readers {
			q := r.latest["quote/"+symbol]
			fmt.Fprintf(w.show, "%-6s %-8s bid %10.2f x %-5d ask %10.2f x %-5d quote %d, trades %d\n",
				symbol, r.name, float64(q.Bid)/1e4, q.BidSize, float64(q.Ask)/1e4, q.AskSize, q.Number, r.count["trade/"+symbol])
		}
	}
}

// report judges counts and order, and lists times.
func (w *world) report() *tally.Report {
	out := new(tally.Report)
	quotes, trades := 0, 0
	for _, l := range w.exchange.lines {
		quotes, trades = quotes+l.last.Number, trades+l.sold
	}
	out.Row("events, in", "%d, %v", len(w.plan.events), w.duration)
	out.Row("quotes, trades", "%d, %d", quotes, trades)
	for _, r := range w.readers {
		seen := 0
		for symbol, l := range w.exchange.lines {
			seen += r.count["trade/"+symbol]
			out.Require(r.latest["quote/"+symbol] == l.last, "%s ends with an old quote of %s", r.name, symbol)
			out.Require(r.missed > 0 || r.count["trade/"+symbol] == l.sold, "%s has %d of %d trades of %s", r.name, r.count["trade/"+symbol], l.sold, symbol)
		}
		out.Require(r.backwards == 0, "%s saw %d quotes that were older than one seen before", r.name, r.backwards)
		out.Require(r.gaps == 0, "%s has %d gaps in the trades", r.name, r.gaps)
		ages := tally.Times(r.ages)
		out.Row(r.name+": quotes seen", "%d, %.1f %% conflated", r.received, 100*(1-float64(r.received)/float64(max(quotes, 1))))
		out.Row(r.name+": age of a quote", "p50 %v, p99 %v, p99.9 %v", ages.Quantile(0.5).Round(time.Microsecond), ages.Quantile(0.99).Round(time.Microsecond), ages.Quantile(0.999).Round(time.Microsecond))
		if r.missed > 0 {
			out.Row(r.name+": trades seen", "%d, and told of %d missed", seen, r.missed)
		} else {
			out.Row(r.name+": trades seen", "%d, in order", seen)
		}
	}
	return out
}
