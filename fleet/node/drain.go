package node

import (
	"context"
	"slices"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/member"
	"github.com/intentra/intentra/fleet/place"
	"github.com/intentra/intentra/hub"
)

// What we chose.
const (
	// drainTimeout is how long Run waits for peers to move to other hubs, and
	// settleTime how long it then goes on sending what they had published.
	drainTimeout = 10 * time.Second
	settleTime   = 200 * time.Millisecond
	drainPoll    = 20 * time.Millisecond
)

// advertise sends the hub's peers the list of hubs, if it has changed. It is called on the
// loop.
func (n *Node) advertise(all []member.Seen) {
	hubs := admitting(all)
	if slices.Equal(hubs, n.advertised) && n.draining == n.left {
		return
	}
	n.advertised, n.left = hubs, n.draining
	n.hub.SetHubs(func(k intentra.PublicKey) []hub.Address { return ranked(hubs, k) }, n.draining && len(hubs) > 0)
}

// admitting returns the hubs to which peers may move.
func admitting(all []member.Seen) (hubs []hub.Address) {
	for _, h := range all {
		if h.Alive && !h.Draining {
			hubs = append(hubs, hub.Address{Addr: h.Addr, Key: h.Key})
		}
	}
	return hubs
}

// ranked returns hubs in the order of [place.Rank] for the peer with key k.
func ranked(hubs []hub.Address, k intentra.PublicKey) []hub.Address {
	list := slices.Clone(hubs)
	slices.SortFunc(list, func(a, b hub.Address) int {
		if x, y := place.Score(a.Key, k), place.Score(b.Key, k); x != y {
			if x > y {
				return -1
			}
			return 1
		}
		return 0
	})
	return list
}

// Drain asks the hub's peers to move to other hubs, and waits until all have, or ctx ends.
// Updates that the hub has acknowledged are sent to other hubs before it returns. Close
// comes next.
func (n *Node) Drain(ctx context.Context) error {
	n.mu.Lock()
	n.draining = true
	n.member.Drain(true)
	n.mu.Unlock()
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	var err error
	for err == nil && n.hub.Stats().Members > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	settled := time.NewTimer(settleTime)
	defer settled.Stop()
	<-settled.C
	if n.connected.Load() {
		if flushErr := n.bus.conn.FlushTimeout(time.Second); err == nil {
			err = flushErr
		}
	}
	return err
}
