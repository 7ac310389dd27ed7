package sim

import (
	"fmt"

	"github.com/intentra/intentra"
)

// Checker checks the world after a step, without changing anything. Its error
// ends the run. A Checker that visits only Stepped has the same cost in a world
// of thousands of nodes.
type Checker func(w *World) error

type checker struct {
	name  string
	check Checker
}

// Check makes c run after each step from now on. The name precedes its error.
func (w *World) Check(name string, c Checker) {
	w.checked()
	need(c != nil, "Check", "a Checker")
	w.checkers = append(w.checkers, checker{name, c})
}

// Observer is called for what passes between nodes and their users. Any of the
// functions may be nil. Payloads are valid until they return.
type Observer struct {
	// Sent is called for each call of Send, with its result.
	Sent func(from *Node, to intentra.PublicKey, m intentra.Message, r intentra.SendResult)
	// Delivered is called for each message, before OnMessage.
	Delivered func(to *Node, from intentra.PublicKey, m intentra.Message)
	// GivenUp is called for each notice that a peer has given up Reliable messages of a
	// channel.
	GivenUp func(to *Node, from intentra.PublicKey, channel uint32)
	// Happened is called for each event, after OnEvent.
	Happened func(n *Node, ev Event)
}

// Observe adds an observer.
func (w *World) Observe(o Observer) { w.checked().observers = append(w.observers, o) }

// Stepped returns the nodes whose endpoints have been called in this step, each
// once. The slice belongs to the world.
func (w *World) Stepped() []*Node { return w.checked().stepped }

// mark adds the node to Stepped.
func (w *World) mark(n *Node) {
	if n.step != w.steps {
		n.step = w.steps
		w.stepped = append(w.stepped, n)
	}
}

func (w *World) check() {
	for _, c := range w.checkers {
		if err := c.check(w); err != nil {
			w.Fail(fmt.Errorf("%s: %w", c.name, err))
			return
		}
	}
}
