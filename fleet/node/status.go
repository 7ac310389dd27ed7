package node

import (
	"time"

	"github.com/intentra/intentra/fleet/member"
)

// Status is the state of a node.
type Status struct {
	// Connected is true while NATS can be reached.
	Connected bool
	Draining  bool
	// Access is the revision of the access list from NATS; zero: none has come.
	Access uint64
	// AccessFault says why the access list of the fleet cannot be reached, and ClaimsFault
	// why sessions cannot be entered in the key-value store; see docs/FLEET.md. Empty: they
	// can, or the fleet has no JetStream.
	AccessFault, ClaimsFault string
	// AccessAge is for how long nothing has confirmed that the access list in use is that of
	// the fleet, if AccessFault is not empty: revocations since then may be missing. It
	// includes the time while the hub was down. Zero: unknown, or there is no fault.
	AccessAge time.Duration
	// ServerErrors counts errors of the NATS server in this process, and ServerError is the
	// latest. Servers of other hubs that cannot be reached do not count.
	ServerErrors uint64
	ServerError  string

	Hubs   []member.Seen
	Shards []Shard
	member.Stats
	// Overflow counts updates of this hub's publishers that other hubs wanted and that were
	// dropped because the node did not keep up. FramesUnsent counts frames that NATS did
	// not take, most of them while it could not be reached, and Slow messages that were
	// dropped because the node did not keep up with receiving.
	Overflow, FramesUnsent, Slow uint64
}

// Status returns the state of the node.
func (n *Node) Status() Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	hubs := n.member.Hubs(time.Since(n.start))
	s := Status{
		Connected: n.connected.Load(), Draining: n.draining, Access: n.access.Load(), Stats: n.member.Stats(),
		Hubs: hubs, Shards: n.rates.shards(hubs, n.hub.Transport().PublicKey(), n.bus.subjects),
		Overflow: n.queue.dropped(), FramesUnsent: n.bus.unsent.Load(), Slow: n.drops,
	}
	s.ServerErrors, s.ServerError = n.faults.sum()
	if n.lists != nil {
		s.AccessFault, s.ClaimsFault = n.lists.accessReach.fault(), n.lists.claimsReach.fault()
		if s.AccessFault != "" {
			s.AccessAge, _ = n.lists.copied.age(time.Now())
		}
	}
	return s
}
