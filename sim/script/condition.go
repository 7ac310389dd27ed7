package script

import (
	"fmt"
	"strings"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/sim"
)

// condition returns "" if it holds, otherwise what is instead.
type condition func(r *run) string

// counters are what a condition may count, of one node.
var counters = map[string]func(n *sim.Node) uint64{
	"delivered": func(n *sim.Node) uint64 { return n.Delivered() },
	"peers":     func(n *sim.Node) uint64 { return uint64(len(n.Peers())) },
	"rekeys":    func(n *sim.Node) uint64 { return n.Stats().Rekeys },
	"roams":     func(n *sim.Node) uint64 { return n.Stats().Roams },
	"strikes":   func(n *sim.Node) uint64 { return n.Stats().Strikes },
	"takeovers": func(n *sim.Node) uint64 { return n.Stats().Takeovers },
	"panics":    func(n *sim.Node) uint64 { return n.Stats().Panics },
	"cookies":   func(n *sim.Node) uint64 { return n.Stats().CookiesSent },
}

var comparisons = map[string]func(a, b uint64) bool{
	"=":  func(a, b uint64) bool { return a == b },
	"!=": func(a, b uint64) bool { return a != b },
	"<":  func(a, b uint64) bool { return a < b },
	"<=": func(a, b uint64) bool { return a <= b },
	">":  func(a, b uint64) bool { return a > b },
	">=": func(a, b uint64) bool { return a >= b },
}

// counter finds what the word names.
func (a *args) counter(word string) func(n *sim.Node) uint64 {
	if c := counters[word]; c != nil {
		return c
	}
	kind, of, _ := strings.Cut(word, "/")
	switch kind {
	case "drops":
		stage, reason, _ := strings.Cut(of, "/")
		if stage != "" {
			return func(n *sim.Node) uint64 { return n.Drops(stage, reason) }
		}
	case "handshakes":
		for _, o := range conn.Outcomes() {
			if o.String() == of {
				return func(n *sim.Node) uint64 { return n.Handshakes(o) }
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

// condition reads one.
func (a *args) condition() condition {
	switch word := a.next("a condition"); word {
	case "connected", "apart":
		from, to := a.twoNodes()
		return func(r *run) string {
			if r.named(from).Connected(r.named(to).Key()) == (word == "connected") {
				return ""
			}
			return fmt.Sprintf("%s and %s are not %s", from, to, word)
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
