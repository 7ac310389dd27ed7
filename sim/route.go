package sim

import (
	"math/bits"
	"time"

	"github.com/intentra/intentra/pipeline"
)

// ends are the nodes of a route. If to is nil, it leads to all addresses that no
// node has.
type ends struct{ from, to *Node }

// route is the state and the counters of a link.
type route struct {
	ends
	own   *Link // nil: the world's default
	dice  dice  // none until the first draw
	bad   bool  // in a burst
	free  pipeline.Time
	stats LinkStats
	step  uint64 // the last step that involved it
}

func (w *World) route(from, to *Node) *route {
	e := ends{from, to}
	r := w.byEnds[e]
	if r == nil {
		r = &route{ends: e}
		w.byEnds[e] = r
		w.routes = append(w.routes, r)
	}
	return r
}

func (r *route) link(w *World) *Link {
	if r.own != nil {
		return r.own
	}
	return &w.link
}

// cross records that the step involves r.
func (w *World) cross(r *route) {
	if r.step != w.steps {
		r.step = w.steps
		w.crossed = append(w.crossed, r)
	}
}

// refused counts a datagram that the sender's kernel refuses, under reason.
func (r *route) refused(w *World, d *Datagram, reason *uint64) {
	w.cross(r)
	r.stats.Sent++
	r.stats.SentBytes += uint64(len(d.Data))
	*reason++
}

// carry sends a datagram over the route, with a delay in addition to the link's.
func (r *route) carry(w *World, d Datagram, extra time.Duration) {
	w.cross(r)
	l := r.link(w)
	r.stats.Sent++
	r.stats.SentBytes += uint64(len(d.Data))
	if l.Cut || r.parted() {
		r.stats.Cut++
		return
	}
	if !d.fits(l.MTU) {
		r.stats.TooLarge++
		return
	}
	wait, ok := r.throttle(l, len(d.Data), w.now)
	if !ok {
		r.stats.Overflowed++
		return
	}
	if r.dice.ChaCha8 == nil {
		r.dice = dice{w.stream("link", r.from.name, r.to.nameOrEmpty())}
	}
	if r.lost(l) {
		r.stats.Lost++
		return
	}
	r.launch(w, l, d, wait+extra)
	if r.dice.chance(l.Duplicate) {
		r.stats.Duplicated++
		r.launch(w, l, d, wait+extra)
	}
}

func (r *route) parted() bool {
	return r.to != nil && r.from.group != 0 && r.to.group != 0 && r.from.group != r.to.group
}

// throttle returns how long a datagram of n bytes takes through the queue, whose
// state is the time at which it will be empty.
func (r *route) throttle(l *Link, n int, now pipeline.Time) (wait time.Duration, ok bool) {
	if l.Rate == 0 {
		return 0, true
	}
	queue := l.Queue
	if queue == 0 {
		queue = DefaultQueue
	}
	ahead := max(r.free-now, 0)
	takes := timeFor(n, l.Rate)
	if ahead > 0 && ahead+takes > timeFor(queue, l.Rate) {
		return 0, false
	}
	r.free = now + ahead + takes
	return time.Duration(ahead + takes), true
}

// timeFor returns the time that n bytes take at the rate, at least 1 ns.
func timeFor(n, rate int) pipeline.Time {
	high, low := bits.Mul64(uint64(n), uint64(time.Second))
	t, _ := bits.Div64(high, low, uint64(rate))
	return pipeline.Time(max(t, 1))
}

func (r *route) lost(l *Link) bool {
	if r.bad {
		r.bad = !r.dice.chance(l.Burst.Leave)
	} else {
		r.bad = r.dice.chance(l.Burst.Enter)
	}
	return r.bad && r.dice.chance(l.Burst.Loss) || r.dice.chance(l.Loss)
}

// launch sends one copy of a datagram.
func (r *route) launch(w *World, l *Link, d Datagram, delay time.Duration) {
	delay += l.Delay
	if l.Jitter > 0 {
		delay += time.Duration(r.dice.below(uint64(l.Jitter)))
	}
	if r.dice.chance(l.Reorder) {
		r.stats.Reordered++
		delay += l.ReorderDelay
	}
	f := w.launch(r, d.From, unmapped(d.To), d.Data, delay)
	if f == nil || len(f.data) == 0 {
		return
	}
	if r.dice.chance(l.Corrupt) {
		r.stats.Corrupted++
		bit := r.dice.below(8 * uint64(len(f.data)))
		f.data[bit/8] ^= 1 << (bit % 8)
	}
	if r.dice.chance(l.Truncate) {
		r.stats.Truncated++
		f.data = f.data[:r.dice.below(uint64(len(f.data)))]
	}
}
