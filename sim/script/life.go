package script

import (
	"slices"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// dialAgain is the time after which a failed dial is repeated.
const dialAgain = time.Second

// wish is a pair of nodes, the first of which keeps the second connected.
type wish struct{ from, to *sim.Node }

func oneNode(do func(r *run, n *sim.Node) error) func(a *args) action {
	return func(a *args) action {
		name := a.node()
		return func(r *run) error { return do(r, r.named(name)) }
	}
}

// twoNodes parses the names of two different nodes.
func (a *args) twoNodes() (from, to string) {
	from, to = a.node(), a.node()
	if a.err == nil && from == to {
		a.fail("%s and %s are the same", from, to)
	}
	return from, to
}

func dialCommand(a *args) action {
	from, to := a.crowdAndNode()
	return func(r *run) error {
		for _, n := range r.all(from) {
			w := wish{n, r.named(to)}
			if !slices.Contains(r.wishes, w) {
				r.wishes = append(r.wishes, w)
			}
			r.dial(w)
		}
		return nil
	}
}

// dial dials, if the wish still exists.
func (r *run) dial(w wish) {
	if w.from.Running() && slices.Contains(r.wishes, w) {
		_ = w.from.Dial(w.to.Key()) // the parser has rejected what fails
	}
}

// dialEnded schedules the next dial of a wish whose dial has ended.
func (r *run) dialEnded(n *sim.Node, ev sim.Event) {
	if ev.Kind != conn.DialEnded {
		return
	}
	for _, w := range r.wishes {
		if w.from == n && w.to.Key() == ev.Peer {
			r.w.After(dialAgain, func() { r.dial(w) })
		}
	}
}

func closeCommand(a *args) action {
	from, to := a.twoNodes()
	return func(r *run) error {
		w := wish{r.named(from), r.named(to)}
		r.wishes = slices.DeleteFunc(r.wishes, func(x wish) bool { return x == w })
		w.from.ClosePeer(w.to.Key(), wire.CloseNormal)
		return nil
	}
}

func (r *run) shutdown(n *sim.Node) error {
	n.Resume() // a paused process cannot notify its peers
	n.Close()
	return nil
}

func (r *run) kill(n *sim.Node) error {
	n.Kill()
	return nil
}

func (r *run) restart(n *sim.Node) error {
	if err := n.Restart(); err != nil {
		return err
	}
	for _, w := range r.wishes {
		if w.from == n {
			r.dial(w)
		}
	}
	return nil
}

func (r *run) pause(n *sim.Node) error {
	n.Pause()
	return nil
}

func (r *run) suspend(n *sim.Node) error {
	n.Suspend()
	return nil
}

func (r *run) resume(n *sim.Node) error {
	n.Resume()
	return nil
}

func jumpCommand(a *args) action {
	name, d := a.node(), a.duration("how far")
	return func(r *run) error {
		r.named(name).JumpClock(d)
		return nil
	}
}

func slowCommand(a *args) action {
	name, d := a.node(), a.duration("how long a job takes")
	return func(r *run) error {
		r.named(name).JobDelay = d
		return nil
	}
}
