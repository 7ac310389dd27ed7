package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/sim"
)

// condition returns "" if it holds, otherwise what holds instead.
type condition func(r *run) string

// counters are the counters of one node that a condition may compare.
var counters = map[string]func(n *sim.Node) uint64{
	"delivered": func(n *sim.Node) uint64 { return n.Delivered() },
	"peers":     func(n *sim.Node) uint64 { return uint64(len(n.Peers())) },
	"sessions":  func(n *sim.Node) uint64 { return uint64(n.Stats().Sessions) },
	"rekeys":    func(n *sim.Node) uint64 { return n.TotalStats().Rekeys },
	"roams":     func(n *sim.Node) uint64 { return n.TotalStats().Roams },
	"strikes":   func(n *sim.Node) uint64 { return n.TotalStats().Strikes },
	"takeovers": func(n *sim.Node) uint64 { return n.TotalStats().Takeovers },
	"panics":    func(n *sim.Node) uint64 { return n.TotalStats().Panics },
	"cookies":   func(n *sim.Node) uint64 { return n.TotalStats().CookiesSent },
}

var comparisons = map[string]func(a, b uint64) bool{
	"=":  func(a, b uint64) bool { return a == b },
	"!=": func(a, b uint64) bool { return a != b },
	"<":  func(a, b uint64) bool { return a < b },
	"<=": func(a, b uint64) bool { return a <= b },
	">":  func(a, b uint64) bool { return a > b },
	">=": func(a, b uint64) bool { return a >= b },
}

// counter returns the counter with the name.
func (a *args) counter(word string) func(n *sim.Node) uint64 {
	if c := counters[word]; c != nil {
		return c
	}
	kind, of, _ := strings.Cut(word, "/")
	switch kind {
	case "drops":
		stage, reason, _ := strings.Cut(of, "/")
		if stage != "" {
			return func(n *sim.Node) uint64 {
				if !n.HasDrops(stage, reason) {
					return 0 // see unknownDrops
				}
				return n.TotalDrops(stage, reason)
			}
		}
	case "handshakes":
		for _, o := range conn.Outcomes() {
			if o.String() == of {
				return func(n *sim.Node) uint64 { return n.TotalStats().Handshakes[o] }
			}
		}
	case "events":
		for k := conn.PeerUp; k <= conn.PeerForgotten; k++ {
			if (sim.Event{Kind: k}).String() == of {
				return func(n *sim.Node) uint64 { return uint64(n.Heard(k)) }
			}
		}
	}
	a.fail("%q is no condition; there are connected, apart, %s, drops/STAGE[/REASON], handshakes/OUTCOME, events/KIND", word, known(counters))
	return nil
}

// condition parses a condition.
func (a *args) condition() condition {
	switch word := a.next("a condition"); word {
	case "connected", "apart":
		from, to := a.crowdAndNode()
		return func(r *run) string {
			key := r.named(to).Key()
			for _, n := range r.all(from) {
				if n.Connected(key) != (word == "connected") {
					return fmt.Sprintf("%s and %s are not %s", n.Name(), to, word)
				}
			}
			return ""
		}
	default:
		count := a.counter(word)
		of, op := a.nodeOrAll(), a.next("= != < <= > or >=")
		holds := comparisons[op]
		if a.err == nil && holds == nil {
			a.fail("%q compares nothing; there are %s", op, known(comparisons))
		}
		limit := uint64(a.number("a number"))
		return func(r *run) string {
			if wrong := r.unknownDrops(word); wrong != "" {
				return wrong
			}
			total := uint64(0)
			for _, n := range r.order {
				if of == "*" || n.Name() == of {
					total += count(n)
				}
			}
			if holds(total, limit) {
				return ""
			}
			return fmt.Sprintf("%s %s is %d, which is not %s %d", word, of, total, op, limit)
		}
	}
}

// unknownDrops returns an explanation if word names drops that no node can have.
func (r *run) unknownDrops(word string) string {
	kind, of, _ := strings.Cut(word, "/")
	stage, reason, _ := strings.Cut(of, "/")
	known := func(n *sim.Node) bool { return n.HasDrops(stage, reason) }
	if kind != "drops" || slices.ContainsFunc(r.order, known) {
		return ""
	}
	return fmt.Sprintf("no node has a stage that drops for %s", of)
}

func expectCommand(a *args) action {
	c := a.condition()
	return func(r *run) error {
		if wrong := c(r); wrong != "" {
			return fmt.Errorf("%w: %s", ErrExpectation, wrong)
		}
		return nil
	}
}

func awaitCommand(a *args) action {
	d, c := a.duration("how long at most"), a.condition()
	return func(r *run) error {
		ok, err := r.until(d, func() bool { return c(r) == "" })
		if err == nil && !ok {
			err = fmt.Errorf("%w within %v: %s", ErrExpectation, d, c(r))
		}
		return err
	}
}
