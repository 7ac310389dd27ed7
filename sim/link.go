package sim

import (
	"errors"
	"fmt"
	"time"
)

// ErrLink: a field of a Link cannot be used as it is.
var ErrLink = errors.New("invalid link")

// DefaultQueue is the default of Link.Queue, in bytes.
const DefaultQueue = 64 << 10

const (
	mostDelay = 24 * time.Hour
	mostBytes = 1<<31 - 1 // of queue, and a second
)

// Link is the way from one node to another, in that direction. Probabilities
// are from 0 to 1 and hold for each datagram by itself. The zero value delivers
// everything at once.
type Link struct {
	// Cut loses everything.
	Cut bool

	// Rate is how many bytes a second the link takes, zero for any number.
	// What comes faster waits in a queue of Queue bytes, the datagram being
	// sent included, and what does not fit there is dropped. The default is
	// DefaultQueue. An idle link takes a datagram of any length.
	Rate, Queue int

	// Loss is the probability that a datagram is lost by itself, Burst that
	// of being lost along with its neighbours.
	Loss  float64
	Burst Burst

	// Duplicate is the probability that it arrives twice, by separate ways.
	Duplicate float64
	// Delay is how long it takes, and Jitter what chance adds at most. So
	// datagrams overtake each other as far as Jitter lets them.
	Delay, Jitter time.Duration
	// Reorder is the probability that it takes ReorderDelay longer, and so
	// falls behind those that are sent within that time.
	Reorder      float64
	ReorderDelay time.Duration
	// Corrupt is the probability that one of its bits is flipped, Truncate
	// that it loses a part of its end, or all.
	Corrupt, Truncate float64
}

// Burst is loss in bursts, after Gilbert and Elliott: before each datagram a
// good link becomes bad with the probability Enter, and a bad one good with
// the probability Leave; a bad one loses it with the probability Loss. So
// bursts last 1/Leave datagrams on average.
type Burst struct{ Enter, Leave, Loss float64 }

// Validate returns an error, which is ErrLink, if l cannot be used.
func (l Link) Validate() error {
	for _, p := range []struct {
		name  string
		value float64
	}{
		{"Loss", l.Loss}, {"Burst.Enter", l.Burst.Enter}, {"Burst.Leave", l.Burst.Leave}, {"Burst.Loss", l.Burst.Loss},
		{"Duplicate", l.Duplicate}, {"Reorder", l.Reorder}, {"Corrupt", l.Corrupt}, {"Truncate", l.Truncate},
	} {
		if !(p.value >= 0 && p.value <= 1) { // no NaN either
			return fmt.Errorf("%w: %s is %v, must be from 0 to 1", ErrLink, p.name, p.value)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"Delay", l.Delay}, {"Jitter", l.Jitter}, {"ReorderDelay", l.ReorderDelay}} {
		if d.value < 0 || d.value > mostDelay {
			return fmt.Errorf("%w: %s is %v, must be from 0 to %v", ErrLink, d.name, d.value, mostDelay)
		}
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"Rate", l.Rate}, {"Queue", l.Queue}} {
		if n.value < 0 || n.value > mostBytes {
			return fmt.Errorf("%w: %s is %d, must be from 0 to %d", ErrLink, n.name, n.value, mostBytes)
		}
	}
	if l.Reorder > 0 && l.ReorderDelay == 0 {
		return fmt.Errorf("%w: Reorder needs a ReorderDelay", ErrLink)
	}
	return nil
}

// SetDefault sets the link of all nodes that have none of their own. What is
// under way stays so.
func (w *World) SetDefault(l Link) {
	if w.valid(l) {
		w.link = l
	}
}

// SetLink sets the link from one node to another; to may be nil, for the
// addresses that are no node's.
func (w *World) SetLink(from, to *Node, l Link) {
	w.needEnds(from, to, "SetLink")
	if w.valid(l) {
		r := w.route(from, to)
		r.own = &l
	}
}

// SetLinks sets the links between two nodes, either way.
func (w *World) SetLinks(a, b *Node, l Link) {
	w.SetLink(a, b, l)
	w.SetLink(b, a, l)
}

// LinkBetween returns the link from one node to another; to may be nil.
func (w *World) LinkBetween(from, to *Node) Link {
	w.needEnds(from, to, "LinkBetween")
	return *w.route(from, to).link(w)
}

func (w *World) needEnds(from, to *Node, function string) {
	w.needNode(from, function)
	if to != nil {
		w.needNode(to, function)
	}
}

func (w *World) valid(l Link) bool {
	err := l.Validate()
	if err != nil {
		w.Fail(err)
	}
	return err == nil
}

// Partition cuts, until the next Partition or Heal, all links between nodes of
// different groups. Nodes in no group reach everybody. What is under way still
// arrives.
func (w *World) Partition(groups ...[]*Node) {
	w.Heal()
	for i, g := range groups {
		for _, n := range g {
			w.needNode(n, "Partition")
			n.group = i + 1
		}
	}
}

// Heal ends a partition.
func (w *World) Heal() {
	for _, n := range w.nodes {
		n.group = 0
	}
}
