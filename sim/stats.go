package sim

import (
	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// Delivered returns how many messages the node has got, over all its
// processes.
func (n *Node) Delivered() uint64 { return n.delivered }

// Stats returns the counters of the latest process's endpoint.
func (n *Node) Stats() conn.Stats { return n.proc.ep.Stats() }

// PeerStats returns the counters of a peer of the latest process, zero if it
// does not know the peer.
func (n *Node) PeerStats(of intentra.PublicKey) conn.PeerStats {
	if p := n.proc.ep.Peer(of); p != nil {
		return n.proc.ep.PeerStats(p)
	}
	return conn.PeerStats{}
}

// Counts returns the counters of both chains of the latest process.
func (n *Node) Counts() (in, out pipeline.Counts) {
	e := n.proc.ep
	e.Inbound().Publish()
	e.Outbound().Publish()
	return e.Inbound().Counts(), e.Outbound().Counts()
}

// Drops returns how many packets and messages the stage of the inbound chain has
// dropped for the reason, in the latest process; an empty reason stands for
// all of the stage.
func (n *Node) Drops(stage, reason string) (total uint64) {
	in, _ := n.Counts()
	for _, d := range in.Drops {
		if d.Stage == stage && (reason == "" || d.Reason == reason) {
			total += d.Packets + d.Messages
		}
	}
	return total
}

// AllDrops returns how many packets and messages the inbound chain of the
// latest process has dropped.
func (n *Node) AllDrops() (packets, messages uint64) {
	in, _ := n.Counts()
	for _, d := range in.Drops {
		packets += d.Packets
		messages += d.Messages
	}
	return packets, messages
}

// Handshakes returns how often a handshake of the latest process had the
// outcome.
func (n *Node) Handshakes(o conn.Outcome) uint64 { return n.Stats().Handshakes[o] }
