package sim

import (
	"fmt"
	"slices"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// keptEvents is how many events a node keeps.
const keptEvents = 1024

// Event is an event of a node's endpoint; see conn.EventKind.
type Event struct {
	At      pipeline.Time
	Kind    conn.EventKind
	Peer    intentra.PublicKey
	Session uint64
	Reason  intentra.CloseReason
	Err     error
}

var kindNames = [...]string{
	conn.PeerUp: "up", conn.PeerRestarted: "restarted", conn.PeerDown: "down", conn.NeedAddress: "need_address",
	conn.DialEnded: "dial_ended", conn.IdentityConflict: "identity_conflict", conn.PeerForgotten: "forgotten",
	conn.AttemptFailed: "attempt_failed",
}

// String returns the event in a line, without the names of the node and its peer.
func (ev Event) String() string {
	name := "unknown"
	if int(ev.Kind) < len(kindNames) {
		name = kindNames[ev.Kind]
	}
	if ev.Reason != 0 {
		name += " " + ev.Reason.String()
	}
	if ev.Err != nil {
		name += fmt.Sprintf(" (%v)", ev.Err)
	}
	return name
}

// eventLog keeps the newest events and counts all.
type eventLog struct {
	kept   []Event
	oldest int
	counts [len(kindNames)]int
}

func (l *eventLog) add(ev Event) {
	if int(ev.Kind) < len(l.counts) {
		l.counts[ev.Kind]++
	}
	if len(l.kept) < keptEvents {
		l.kept = append(l.kept, ev)
		return
	}
	l.kept[l.oldest] = ev
	l.oldest = (l.oldest + 1) % keptEvents
}

func (n *Node) hear(ev Event) {
	n.w.trace.event(n, ev)
	n.events.add(ev)
	if ev.Kind == conn.DialEnded {
		n.wishes = slices.DeleteFunc(n.wishes, func(key intentra.PublicKey) bool { return key == ev.Peer })
	}
	if n.OnEvent != nil {
		n.OnEvent(ev)
	}
	for _, o := range n.w.observers {
		if o.Happened != nil {
			o.Happened(n, ev)
		}
	}
}

// Events returns up to 1,024 of the latest events of the node, in order, over all
// its processes.
func (n *Node) Events() []Event {
	n.checked()
	all := make([]Event, 0, len(n.events.kept))
	for i := range n.events.kept {
		all = append(all, n.events.kept[(n.events.oldest+i)%len(n.events.kept)])
	}
	return all
}

// Heard returns the number of events of the kind, over all processes of the node.
func (n *Node) Heard(kind conn.EventKind) int {
	n.checked()
	if int(kind) >= len(n.events.counts) {
		return 0
	}
	return n.events.counts[kind]
}

// LastEvent returns the latest event of the kind, if it is among those that
// Events returns.
func (n *Node) LastEvent(kind conn.EventKind) (ev Event, ok bool) {
	n.checked()
	for i := len(n.events.kept) - 1; i >= 0; i-- {
		if ev = n.events.kept[(n.events.oldest+i)%len(n.events.kept)]; ev.Kind == kind {
			return ev, true
		}
	}
	return Event{}, false
}
