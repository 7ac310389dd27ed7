package sim

import (
	"errors"
	"fmt"
	"time"
)

// ErrLink is returned for an invalid field of a Link.
var ErrLink = errors.New("invalid link")

// DefaultQueue is the default of Link.Queue, in bytes.
const DefaultQueue = 64 << 10

const (
	mostDelay = 24 * time.Hour
	mostBytes = 1<<31 - 1 // of Queue, and of Rate a second
)

// Link is the path from one node to another, in that direction. Probabilities are
// from 0 to 1 and apply to each datagram independently. The zero value delivers
// everything at once.
type Link struct {
	// Cut loses everything.
	Cut bool
	// MTU is the largest IP packet that the link carries, in bytes, zero for any:
	// the headers of IP and UDP take 28 bytes with IPv4 and 48 with IPv6. A larger
	// one is lost without a word, unless its sender lets IP fragment it.
	MTU int
	// LocalMTU is the same for the sender's own network card. Its kernel refuses a
	// larger packet (EMSGSIZE), so that it does not get onto the wire, and the
	// endpoint learns of it.
	LocalMTU int

	// Rate is the capacity in bytes per second, zero for unlimited. Excess
	// datagrams wait in a queue of Queue bytes, which includes the one being
	// sent, and are dropped if they do not fit. The default of Queue is
	// DefaultQueue. An idle link accepts a datagram of any length.
	Rate, Queue int

	// Loss is the probability that a datagram is lost independently of others;
	// Burst describes losses in bursts.
	Loss  float64
	Burst Burst

	// Duplicate is the probability that a datagram arrives twice, with delays of
	// their own.
	Duplicate float64
	// Delay is the transit time, and Jitter the most that is added to it at
	// random, so that datagrams may overtake each other.
	Delay, Jitter time.Duration
	// Reorder is the probability that a datagram takes ReorderDelay longer, and
	// is overtaken by those sent within that time.
	Reorder      float64
	ReorderDelay time.Duration
	// Corrupt is the probability that one bit of a datagram is flipped, Truncate
	// that its end is missing, or all of it.
	Corrupt, Truncate float64
}

// Burst is the loss model of Gilbert and Elliott. Before each datagram a good
// link becomes bad with probability Enter, and a bad one good with probability
// Leave; a bad link loses it with probability Loss. Bursts last 1/Leave datagrams
// on average.
type Burst struct{ Enter, Leave, Loss float64 }

// Validate returns an error that wraps ErrLink if l is invalid.
func (l Link) Validate() error {
	for _, p := range []struct {
		name  string
		value float64
	}{
		{"Loss", l.Loss}, {"Burst.Enter", l.Burst.Enter}, {"Burst.Leave", l.Burst.Leave}, {"Burst.Loss", l.Burst.Loss},
		{"Duplicate", l.Duplicate}, {"Reorder", l.Reorder}, {"Corrupt", l.Corrupt}, {"Truncate", l.Truncate},
	} {
		if !(p.value >= 0 && p.value <= 1) { // false for NaN too
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
	}{{"Rate", l.Rate}, {"Queue", l.Queue}, {"MTU", l.MTU}, {"LocalMTU", l.LocalMTU}} {
		if n.value < 0 || n.value > mostBytes {
			return fmt.Errorf("%w: %s is %d, must be from 0 to %d", ErrLink, n.name, n.value, mostBytes)
		}
	}
	if l.Reorder > 0 && l.ReorderDelay == 0 {
		return fmt.Errorf("%w: Reorder needs a ReorderDelay", ErrLink)
	}
	return nil
}

// fits reports whether the datagram fits an MTU, which may be zero for any, perhaps
// because IPv4 may fragment it.
func (d *Datagram) fits(mtu int) bool {
	headers := 20 + 8
	if a := d.To.Addr(); a.Is6() && !a.Is4In6() {
		headers = 40 + 8
	}
	return mtu == 0 || len(d.Data)+headers <= mtu || d.Fragment && headers == 20+8
}

// SetDefault sets the link of all pairs of nodes without one of their own.
// Datagrams under way are not affected.
func (w *World) SetDefault(l Link) {
	w.checked()
	if w.valid(l) {
		w.link = l
	}
}

// SetLink sets the link from one node to another, or, if to is nil, to all
// addresses that no node has.
func (w *World) SetLink(from, to *Node, l Link) {
	w.checked()
	w.needEnds(from, to, "SetLink")
	if w.valid(l) {
		r := w.route(from, to)
		r.own = &l
	}
}

// SetLinks sets the links between two nodes in both directions.
func (w *World) SetLinks(a, b *Node, l Link) {
	w.checked()
	w.SetLink(a, b, l)
	w.SetLink(b, a, l)
}

// LinkBetween returns the link from one node to another; to may be nil, as in
// SetLink.
func (w *World) LinkBetween(from, to *Node) Link {
	w.checked()
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

// Partition cuts all links between nodes of different groups until the next
// Partition or Heal. Nodes in no group reach all others. Datagrams under way
// still arrive.
func (w *World) Partition(groups ...[]*Node) {
	w.checked()
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
	w.checked()
	for _, n := range w.nodes {
		n.group = 0
	}
}
