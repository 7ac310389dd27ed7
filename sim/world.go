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

// ErrStandstill is returned when steps do not end while the clock stands still.
var ErrStandstill = errors.New("the clock stands still")

// start is the initial time, as in a Transport, so that intervals do not reach
// below zero.
const start = pipeline.Time(time.Hour)

// horizon is the end of time, far from where sums of times and durations
// overflow.
const horizon = pipeline.Time(1 << 62)

// World is a virtual clock, a network and its nodes. It belongs to one goroutine.
// Use New to make one.
type World struct {
	seed uint64
	rand *rand.Rand
	now  pipeline.Time
	err  error

	agenda  agenda // what is due at a time, except for turns
	order   uint64 // of the latest event added
	turns   turns  // when nodes want their next turn
	running bool
	steps   uint64 // counts steps, from one
	still   int    // steps since the clock has moved

	nodes  []*Node
	byName map[string]*Node
	byAddr map[netip.AddrPort]*Node
	byKey  map[intentra.PublicKey]*Node
	book   book // overrides byKey

	link     Link // of nodes without one of their own
	routes   []*route
	byEnds   map[ends]*route
	injected route
	taps     []*tapped
	tapDrops uint64
	flying   int
	most     int // the limit of flying
	spare    spare

	trace     trace
	open      func(n *Node, cfg conn.Config) (Driver, *conn.Endpoint, error) // see DriveWith
	observers []Observer
	checkers  []checker
	audit     *audit   // nil: none
	stepped   []*Node  // in this step; see Stepped
	crossed   []*route // in this step
}

// New returns an empty world. Its default link is perfect with a delay of 5 ms.
func New(seed uint64) *World {
	w := &World{
		seed: seed, now: start,
		byName: map[string]*Node{},
		byAddr: map[netip.AddrPort]*Node{},
		byKey:  map[intentra.PublicKey]*Node{},
		book:   book{},
		byEnds: map[ends]*route{},
		most:   maxFlying,
		link:   Link{Delay: 5 * time.Millisecond},
		trace:  newTrace(),
		open:   openEndpoint,
	}
	w.rand = rand.New(w.stream("scenario"))
	return w
}

// Seed returns the seed that was given to New.
func (w *World) Seed() uint64 { return w.checked().seed }

// Now returns the current time. It begins at one hour.
func (w *World) Now() pipeline.Time { return w.checked().now }

// Elapsed returns the simulated time that has passed.
func (w *World) Elapsed() time.Duration { return time.Duration(w.checked().now - start) }

// Rand returns random numbers for the scenario, from a stream of their own.
// Uint64, Int64 and Float64 return the same on all machines; methods with a bound
// may not where int has 32 bits.
func (w *World) Rand() *rand.Rand { return w.checked().rand }

// Nodes returns the nodes in order of creation. The slice belongs to the world.
func (w *World) Nodes() []*Node { return w.checked().nodes }

// Named returns the node with the name, or nil.
func (w *World) Named(name string) *Node { return w.checked().byName[name] }

// After calls do when d has passed, or in this instant if d is not positive. The
// caller must bound the number of waiting calls.
func (w *World) After(d time.Duration, do func()) {
	w.checked()
	need(do != nil, "After", "a function")
	w.put(event{at: w.now + pipeline.Time(max(d, 0)), do: do})
}

// Every calls do each time that d, which must be positive, has passed, until stop
// is called.
func (w *World) Every(d time.Duration, do func()) (stop func()) {
	w.checked()
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

// Fail ends the run with the error, as a checker does. Only the first error
// counts.
func (w *World) Fail(err error) {
	w.checked()
	need(err != nil, "Fail", "an error")
	if w.err == nil {
		w.err = fmt.Errorf("sim: seed %d, after %v: %w", w.seed, w.Elapsed(), err)
	}
}

// Err returns the error that has ended the run: that of a checker or of Fail,
// ErrLink, or ErrStandstill. The world does not run any more after that.
func (w *World) Err() error { return w.checked().err }
