package sim

import (
	"slices"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// Delivered returns how many messages the node has received, over all its
// processes.
func (n *Node) Delivered() uint64 { return n.checked().delivered }

// Stats returns the counters of the latest process.
func (n *Node) Stats() conn.Stats { return n.checked().proc.ep.Stats() }

// PeerStats returns the counters of a peer of the latest process, or the zero
// value if it does not know the peer.
func (n *Node) PeerStats(of intentra.PublicKey) conn.PeerStats {
	n.checked()
	if p := n.proc.ep.Peer(of); p != nil {
		return n.proc.ep.PeerStats(p)
	}
	return conn.PeerStats{}
}

// Counts returns the counters of both chains of the latest process.
func (n *Node) Counts() (in, out pipeline.Counts) {
	n.checked()
	e := n.proc.ep
	e.Inbound().Publish()
	e.Outbound().Publish()
	return e.Inbound().Counts(), e.Outbound().Counts()
}

// Drops returns how many packets and messages the stage of the inbound chain has
// dropped for the reason, in the latest process. An empty reason means all
// reasons. Drops panics if the chain has no such stage or reason.
func (n *Node) Drops(stage, reason string) uint64 {
	n.checked()
	need(n.HasDrops(stage, reason), "Drops", "a stage of the inbound chain and a reason that it declares, not "+stage+"/"+reason)
	total, _ := n.drops(stage, reason)
	return total
}

// HasDrops reports whether the inbound chain of the latest process has the stage,
// and whether the stage has the reason, if that is not empty.
func (n *Node) HasDrops(stage, reason string) bool {
	n.checked()
	_, known := n.drops(stage, reason)
	return known
}

func (n *Node) drops(stage, reason string) (total uint64, known bool) {
	in, _ := n.Counts()
	return dropped(in.Drops, stage, reason)
}

func dropped(drops []pipeline.DropCount, stage, reason string) (total uint64, known bool) {
	for _, d := range drops {
		if d.Stage == stage && (reason == "" || d.Reason == reason) {
			total += d.Packets + d.Messages
			known = true
		}
	}
	return total, known
}

// past holds the counters of the earlier processes of a node.
type past struct {
	stats conn.Stats
	drops []pipeline.DropCount // each stage and reason once
}

// retire adds the counters of the process, which has ended, to past.
func (n *Node) retire() {
	in, _ := n.Counts()
	for _, d := range in.Drops {
		same := func(x pipeline.DropCount) bool { return x.Stage == d.Stage && x.Reason == d.Reason }
		if i := slices.IndexFunc(n.past.drops, same); i >= 0 {
			n.past.drops[i].Packets += d.Packets
			n.past.drops[i].Messages += d.Messages
		} else {
			n.past.drops = append(n.past.drops, d)
		}
	}
	n.past.stats = n.TotalStats()
}

// TotalStats is Stats over all processes of the node. Counters are added; sizes
// are those of the latest process.
func (n *Node) TotalStats() conn.Stats { return n.checked().past.stats.Plus(n.Stats()) }

// TotalDrops is Drops over all processes of the node.
func (n *Node) TotalDrops(stage, reason string) uint64 {
	n.checked()
	past, _ := dropped(n.past.drops, stage, reason)
	return n.Drops(stage, reason) + past
}

// AllDrops returns how many packets and messages the inbound chain of the
// latest process has dropped.
func (n *Node) AllDrops() (packets, messages uint64) {
	n.checked()
	in, _ := n.Counts()
	for _, d := range in.Drops {
		packets += d.Packets
		messages += d.Messages
	}
	return packets, messages
}

// Handshakes returns how many handshakes of the latest process had the outcome.
func (n *Node) Handshakes(o conn.Outcome) uint64 { return n.checked().Stats().Handshakes[o] }
