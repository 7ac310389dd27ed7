package sim

import (
	"fmt"

	"github.com/intentra/intentra"
)

// Checker looks at the world after a step, without changing anything. Its
// error ends the run. It looks at Stepped alone, if it can, so that
// it costs the same in a world of thousands.
type Checker func(w *World) error

type checker struct {
	name  string
	check Checker
}

// Check has c called after each step from here on. The name stands in front of
// its error.
func (w *World) Check(name string, c Checker) {
	need(c != nil, "Check", "a Checker")
	w.checkers = append(w.checkers, checker{name, c})
}

// Observer is told of what passes between nodes and their users. Any of the
// functions may be nil. Payloads are good until they return.
type Observer struct {
	// Sent is told of each call of Send, with its outcome.
	Sent func(from *Node, to intentra.PublicKey, m intentra.Message, r intentra.SendResult)
	// Delivered is told of each message before OnMessage is.
	Delivered func(to *Node, from intentra.PublicKey, m intentra.Message)
	// Happened is told of each event after OnEvent has been.
	Happened func(n *Node, ev Event)
}

// Observe adds an observer.
func (w *World) Observe(o Observer) { w.observers = append(w.observers, o) }

// Stepped returns the nodes whose endpoints have done something in this step,
// each once. The slice is the world's.
func (w *World) Stepped() []*Node { return w.stepped }

// mark notes that the node's endpoint does something.
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
