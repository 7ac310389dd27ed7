package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// ErrStandstill: things went on happening while the clock stood still.
var ErrStandstill = errors.New("the clock stands still")

// start is what the clock says in the beginning, as that of a Transport: no
// interval reaches below zero.
const start = pipeline.Time(time.Hour)

// horizon is where time ends: far from where sums of times and durations
// overflow.
const horizon = pipeline.Time(1 << 62)

// World is a virtual clock, a network and the nodes on it. It belongs to one
// goroutine. Make one with New.
type World struct {
	seed uint64
	rand *rand.Rand
	now  pipeline.Time
	err  error

	agenda  agenda // what is due at a time, nodes apart
	order   uint64 // of what is put there
	turns   turns  // when nodes want their next turn
	running bool
	steps   uint64 // counts steps, from one
	still   int    // steps since the clock has moved

	nodes  []*Node
	byName map[string]*Node
	byAddr map[netip.AddrPort]*Node
	byKey  map[intentra.PublicKey]*Node
	book   map[intentra.PublicKey]netip.AddrPort // what overrides byKey

	link     Link // between nodes that have none of their own
	routes   []*route
	byEnds   map[ends]*route
	injected route
	taps     []*tapped
	tapDrops uint64
	flying   int
	most     int // of those
	spare    spare

	trace     trace
	open      func(n *Node, cfg conn.Config) (Driver, *conn.Endpoint, error) // see DriveWith
	observers []Observer
	checkers  []checker
	audit     *audit   // nil: none
	stepped   []*Node  // in this step
	crossed   []*route // in this step
}

// New returns an empty world. Its default link is perfect and takes 5 ms.
func New(seed uint64) *World {
	w := &World{
		seed: seed, now: start,
		byName: map[string]*Node{},
		byAddr: map[netip.AddrPort]*Node{},
		byKey:  map[intentra.PublicKey]*Node{},
		book:   map[intentra.PublicKey]netip.AddrPort{},
		byEnds: map[ends]*route{},
		most:   maxFlying,
		link:   Link{Delay: 5 * time.Millisecond},
		trace:  newTrace(),
		open:   openEndpoint,
	}
	w.rand = rand.New(w.stream("scenario"))
	return w
}

// Seed returns what New was given.
func (w *World) Seed() uint64 { return w.seed }

// Now returns the time. It begins at one hour.
func (w *World) Now() pipeline.Time { return w.now }

// Elapsed returns how long the world has run, in its own time.
func (w *World) Elapsed() time.Duration { return time.Duration(w.now - start) }

// Rand returns randomness for the scenario, from a stream of its own. Uint64,
// Int64 and Float64 give the same on all machines; methods that take a bound
// may not where int has 32 bits.
func (w *World) Rand() *rand.Rand { return w.rand }

// Nodes returns the nodes in the order in which they were made. The slice is
// the world's.
func (w *World) Nodes() []*Node { return w.nodes }

// Named returns the node with the name, or nil.
func (w *World) Named(name string) *Node { return w.byName[name] }

// After has do called when d has passed, or in this instant if d is not
// positive. How many such calls wait is the caller's to bound.
func (w *World) After(d time.Duration, do func()) {
	need(do != nil, "After", "a function")
	w.put(event{at: w.now + pipeline.Time(max(d, 0)), do: do})
}

// Every has do called each time that d, which must be positive, has passed,
// until stop is called.
func (w *World) Every(d time.Duration, do func()) (stop func()) {
	need(d > 0, "Every", "a positive duration")
	need(do != nil, "Every", "a function")
	stopped := false
	var tick func()
	tick = func() {
		if stopped {
			return
		}
		do()
		w.After(d, tick)
	}
	w.After(d, tick)
	return func() { stopped = true }
}

// Fail ends the run with the error, as a checker's does. The first one stays.
func (w *World) Fail(err error) {
	need(err != nil, "Fail", "an error")
	if w.err == nil {
		w.err = fmt.Errorf("sim: seed %d, after %v: %w", w.seed, w.Elapsed(), err)
	}
}

// Err returns what has ended the run: an error of a checker, of Fail, of a link
// that cannot be, or ErrStandstill. The world does not run any more then.
func (w *World) Err() error { return w.err }
