// Twin is a digital twin of aircraft: a receiver publishes where they are, and viewers
// that join early, late, and with an area of interest follow them.
//
//	go run ./examples/twin                                          # a map in the terminal
//	go run ./examples/twin --check                                  # measured and judged
//	go run ./examples/twin --check --reports a.json.gz,b.json       # recorded ADS-B tracks
//
// A state is Latest, and the hub keeps the newest one of each aircraft, so that a viewer
// which joins late has the whole picture at once. One with an area gets what is inside.
// --check exits with code 1 if a state arrived after a newer one, or a viewer does not
// get the whole picture.
package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/intentra/intentra/examples/internal/site"
	"github.com/intentra/intentra/examples/internal/tally"
	"github.com/intentra/intentra/hub"
)

func main() { tally.Main("twin", program) }

func program(flags *flag.FlagSet) func(show io.Writer) (tally.Run, error) {
	p := plan{tick: time.Millisecond}
	flags.DurationVar(&p.duration, "duration", 6*time.Second, "how long to publish; late viewers join in the middle")
	flags.Float64Var(&p.rate, "rate", 10, "states per second of each aircraft")
	flags.Float64Var(&p.speed, "speed", 10, "how much faster than in reality the aircraft fly")
	seed := flags.Uint64("seed", 1, "of made-up flights")
	reports := flags.String("reports", "", "files with ADS-B reports (JSON), with commas between them")
	return func(show io.Writer) (tally.Run, error) {
		p.show = show
		if p.duration <= 0 || !(p.rate >= 0.1 && p.rate <= 1000) || !(p.speed > 0) {
			return nil, fmt.Errorf("give a positive duration and speed, and 0.1 to 1000 states per second")
		}
		if *reports == "" {
			p.flights = makeFlights(*seed, 45)
			return p.run, nil
		}
		for name := range strings.SplitSeq(*reports, ",") {
			more, err := readFlights(name)
			if err != nil {
				return nil, err
			}
			p.flights = append(p.flights, more...)
		}
		return p.run, nil
	}
}

// plan is what a run does.
type plan struct {
	flights        []flight
	duration, tick time.Duration
	rate, speed    float64
	show           io.Writer
}

// settle is how long a viewer may take to get the whole picture.
const settle = 10 * time.Second

// world is a run under way.
type world struct {
	plan
	site.Site
	receiver *receiver
	viewers  []*viewer
	next     time.Duration // when the next states are due
	drawn    time.Duration
}

// run publishes, has two viewers join in the middle, and goes on.
func (p plan) run(s site.Site) (*tally.Report, error) {
	w := &world{plan: p, Site: s}
	var err error
	if w.receiver, err = newReceiver(s, p.flights, p.speed); err != nil {
		return nil, err
	}
	if err := w.join("early", nil); err != nil {
		return nil, err
	}
	if err := w.pass(p.duration/2, nil); err != nil {
		return nil, err
	}
	if err := w.join("late", nil); err != nil {
		return nil, err
	}
	if err := w.join("late with an area", w.middle()); err != nil {
		return nil, err
	}
	if err := w.pass(p.duration/2, nil); err != nil {
		return nil, err
	}
	if err := w.pass(settle, func() bool { return !slices.ContainsFunc(w.viewers, func(v *viewer) bool { return v.whole == 0 }) }); err != nil {
		return nil, err
	}
	return w.report(), nil
}

func (w *world) join(name string, area *hub.Area) error {
	v, err := newViewer(w, strings.ReplaceAll(name, " ", "-"), area)
	if err == nil {
		v.name = name
		w.viewers = append(w.viewers, v)
	}
	return err
}

// middle returns a box around the aircraft in the middle of all, by longitude and
// latitude.
func (w *world) middle() *hub.Area {
	var lats, lons []float64
	for i := range w.flights {
		p := w.receiver.truth(i, w.Now())
		lats, lons = append(lats, p.lat), append(lons, p.lon)
	}
	slices.Sort(lats)
	slices.Sort(lons)
	quarter, three := len(lats)/4, len(lats)*3/4
	return hub.Box(lons[quarter], lats[quarter], lons[three], lats[three])
}

func (w *world) pass(d time.Duration, done func() bool) error {
	period := time.Duration(float64(time.Second) / w.rate)
	for end := w.Now() + d; w.Now() < end && (done == nil || !done()); {
		look := w.Now() >= w.next
		if look {
			// Before the next states, when the twin is oldest.
			for _, v := range w.viewers {
				v.compare(w.receiver, w.Now())
			}
			w.next = w.Now() + period
			if err := w.receiver.publish(w.Now()); err != nil {
				return err
			}
		}
		if err := w.Sleep(w.tick); err != nil {
			return err
		}
		for _, v := range w.viewers {
			if err := v.step(); err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
			if v.whole == 0 {
				v.compare(w.receiver, w.Now())
			}
		}
		if w.show != nil && w.Now()-w.drawn > 250*time.Millisecond {
			w.drawn = w.Now()
			w.draw()
		}
	}
	return nil
}

// draw shows what the latest viewer knows.
func (w *world) draw() {
	v := w.viewers[len(w.viewers)-1]
	var points []tally.Point
	for _, s := range v.twin {
		points = append(points, tally.Point{X: s.Lon, Y: s.Lat, Mark: '+'})
	}
	fmt.Fprintf(w.show, "\x1b[H\x1b[2J%s%s: %d of %d aircraft\n", tally.Map(points, 100, 30), v.name, len(points), len(w.flights))
}

// report judges counts and order, and lists times and distances.
func (w *world) report() *tally.Report {
	r := new(tally.Report)
	r.Row("aircraft, states per second of each", "%d, %g, flying at %g times their speed", len(w.flights), w.rate, w.speed)
	for _, v := range w.viewers {
		r.Require(v.backwards == 0, "%s: %d states were older than one seen before", v.name, v.backwards)
		r.Require(v.whole != 0, "%s has %d aircraft, and not all that it should", v.name, len(v.twin))
		slices.Sort(v.divergence)
		at := func(q float64) float64 {
			if len(v.divergence) == 0 {
				return 0
			}
			return v.divergence[min(int(q*float64(len(v.divergence))), len(v.divergence)-1)]
		}
		r.Row(v.name+": whole picture after", "%v, %d aircraft", (v.whole - v.joined).Round(10*time.Microsecond), len(v.twin))
		r.Row(v.name+": divergence", "p50 %.1f m, p99 %.1f m", at(0.5), at(0.99))
		r.Row(v.name+": payloads", "%.1f kB/s", float64(v.bytes)/1000/(w.Now()-v.joined).Seconds())
	}
	all, some := w.viewers[1], w.viewers[2]
	r.Require(some.bytes < all.bytes, "the viewer with an area got as many bytes as the one without")
	return r
}
