// Robots is a fleet of 200 robots that publish their poses through a hub, a viewer, and
// an operator with an emergency stop.
//
//	go run ./examples/robots                                  # a map in the terminal
//	go run ./examples/robots --check                          # measured and judged
//	go run ./examples/robots --check --tracks a.txt.gz,b.txt  # with recorded motion
//
// Poses are Latest: after a cut of two seconds the viewer gets the newest pose of each
// robot at once, and none of those that it has missed. The stop is Reliable and urgent, but
// what is on its way is lost with a connection. So each robot confirms it, and the operator
// repeats it until all have. Its topic has a TTL: after that neither the transports nor the
// hub pass it on, and a robot, which knows its age, does not obey it. --check exits with code 1
// if a pose arrived after a newer one, a robot was not seen or did not recover, or one
// did not stop in time.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/intentra/intentra/examples/internal/site"
	"github.com/intentra/intentra/examples/internal/tally"
)

func main() { tally.Main("robots", program) }

func program(flags *flag.FlagSet) func(show io.Writer) (tally.Run, error) {
	p := plan{tick: time.Millisecond}
	flags.IntVar(&p.robots, "robots", 200, "how many robots")
	flags.Float64Var(&p.rate, "rate", 50, "poses per second of each robot")
	flags.DurationVar(&p.steady, "duration", 5*time.Second, "how long to measure before the cut and after it")
	flags.DurationVar(&p.cut, "cut", 2*time.Second, "how long every tenth robot is cut off")
	seed := flags.Uint64("seed", 1, "of made-up tracks")
	tracks := flags.String("tracks", "", "files with recorded tracks, with commas between them")
	return func(show io.Writer) (_ tally.Run, err error) {
		p.show = show
		if p.robots < 1 || p.robots > 1000 || !(p.rate >= 1 && p.rate <= 1000) {
			return nil, fmt.Errorf("give 1 to 1000 robots and 1 to 1000 poses per second")
		}
		p.tracks, err = load(*tracks, *seed)
		return p.run, err
	}
}

// load reads the named tracks, or makes up three.
func load(names string, seed uint64) (all []track, err error) {
	if names == "" {
		rnd := rand.New(rand.NewPCG(seed, 0))
		return []track{makeTrack(rnd), makeTrack(rnd), makeTrack(rnd)}, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		t, err := readTrack(name)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// plan is what a run does.
type plan struct {
	robots       int
	rate         float64
	tracks       []track
	steady, tick time.Duration
	cut          time.Duration // how long every tenth robot is cut off
	show         io.Writer     // a map is drawn there, unless it is nil
}

// What we chose.
const (
	settle  = 10 * time.Second // for every robot to be seen, at most
	stopTTL = 10 * time.Second // after which an order must not be obeyed
)

// world is a run under way.
type world struct {
	plan
	site.Site
	fleet    []*robot
	viewer   *viewer
	operator *operator
	ages     tally.Times
	drawn    time.Duration
}

// run connects the fleet, measures, cuts and restores the connections of some robots,
// measures again, and stops all robots while they publish.
func (p plan) run(s site.Site) (*tally.Report, error) {
	w := &world{plan: p, Site: s}
	if err := w.connect(); err != nil {
		return nil, err
	}
	if err := w.pass(settle, func() bool { return len(w.viewer.robots) == p.robots }); err != nil {
		return nil, err
	}
	w.ages = nil
	if err := w.pass(p.steady, nil); err != nil {
		return nil, err
	}
	calm := w.ages
	cut, err := w.cutSome()
	if err != nil {
		return nil, err
	}
	w.ages = nil
	if err := w.pass(p.steady, nil); err != nil {
		return nil, err
	}
	if err := w.operator.order(w.Now()); err != nil {
		return nil, err
	}
	if err := w.pass(stopTTL, func() bool { return len(w.operator.confirmed) == p.robots }); err != nil {
		return nil, err
	}
	return w.report(calm, cut), nil
}

func (w *world) connect() (err error) {
	if w.viewer, err = newViewer(w); err != nil {
		return err
	}
	if w.operator, err = newOperator(w); err != nil {
		return err
	}
	for i := range w.robots {
		r, err := newRobot(w, fmt.Sprintf("robot-%d", i), i%10 == 0)
		if err != nil {
			return err
		}
		r.track, r.shift = w.tracks[i%len(w.tracks)], time.Duration(i)*7*time.Second
		r.dx, r.dy = float64(i%20)*8, float64(i/20)*8
		r.period = time.Duration(float64(time.Second) / w.rate)
		r.next = w.Now() + time.Duration(i)*r.period/time.Duration(w.robots) // not all at once
		w.fleet = append(w.fleet, r)
	}
	return nil
}

// pass lets all sides work until done, or for d if that comes first. done may be nil.
func (w *world) pass(d time.Duration, done func() bool) error {
	for end := w.Now() + d; w.Now() < end && (done == nil || !done()); {
		now := w.Now()
		for _, r := range w.fleet {
			if err := r.step(now); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
		}
		if err := w.Sleep(w.tick); err != nil {
			return err
		}
		now = w.Now()
		if err := w.viewer.step(now, func(age time.Duration) { w.ages = append(w.ages, age) }); err != nil {
			return err
		}
		if err := w.operator.step(now, w.robots); err != nil {
			return err
		}
		if w.show != nil && now-w.drawn > 250*time.Millisecond {
			w.drawn = now
			w.draw()
		}
	}
	return nil
}

// cutSome interrupts every tenth robot, and returns them.
func (w *world) cutSome() (all []*robot, err error) {
	for i := 0; i < len(w.fleet); i += 10 {
		w.Cut(w.fleet[i].name, true)
		all = append(all, w.fleet[i])
	}
	if err := w.pass(w.cut, nil); err != nil {
		return nil, err
	}
	for _, r := range all {
		w.Cut(r.name, false)
		if seen := w.viewer.robots[r.name]; seen != nil {
			seen.since = w.Now()
		}
	}
	return all, nil
}

// draw shows where the robots are: o moves, x has stopped.
func (w *world) draw() {
	var points []tally.Point
	for _, r := range w.fleet {
		if s := w.viewer.robots[r.name]; s != nil {
			mark := 'o'
			if _, stopped := w.operator.confirmed[r.name]; stopped {
				mark = 'x'
			}
			points = append(points, tally.Point{X: s.X, Y: s.Y, Mark: mark})
		}
	}
	fmt.Fprintf(w.show, "\x1b[H\x1b[2J%s%d robots, age %v, %d stopped\n", tally.Map(points, 100, 30), len(points), w.ages, len(w.operator.confirmed))
	w.ages = nil
}

// report judges counts and order, and lists times.
func (w *world) report(calm tally.Times, cut []*robot) *tally.Report {
	r := new(tally.Report)
	updates, backwards, still := 0, 0, 0
	var recovery, stop, confirmed tally.Times
	for _, rob := range w.fleet {
		s := cmp.Or(w.viewer.robots[rob.name], new(sight))
		updates, backwards, still = updates+s.updates, backwards+s.backwards, still+rob.still
		r.Require(s.updates > 0, "%s was never seen", rob.name)
		r.Require(rob.stopped != 0, "%s has not stopped", rob.name)
		r.Require(rob.expired == 0, "%s received an order too late", rob.name)
		if d, ok := w.operator.confirmed[rob.name]; ok {
			confirmed = append(confirmed, d)
		}
		r.Require(w.operator.confirmed[rob.name] != 0, "%s has not confirmed the stop", rob.name)
		stop = append(stop, rob.stopped-w.operator.sent)
	}
	for _, rob := range cut {
		s := cmp.Or(w.viewer.robots[rob.name], new(sight))
		r.Require(s.recovered != 0, "%s was not seen again after the cut", rob.name)
		recovery = append(recovery, s.recovered-s.since)
	}
	r.Require(backwards == 0, "%d poses were older than one seen before", backwards)
	r.Row("robots, poses per second of each", "%d, %g", w.robots, w.rate)
	r.Row("poses seen, in order", "%d, %d not", updates, backwards)
	r.Row("age of a pose", "%v", calm)
	r.Row("age of a pose, after the cut", "%v", w.ages)
	r.Row(fmt.Sprintf("recovery after a cut of %v", w.cut), "%v", recovery)
	r.Row("order to stopped, under load", "%v", stop)
	r.Row("order to confirmed, under load", "%v; sent %d times", confirmed, w.operator.times)
	return r
}
