package hub

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/intentra/intentra"
)

// Address is where peers dial a hub.
type Address struct {
	// Addr is HOST:PORT, and Key the hub's public key.
	Addr string             `json:"addr"`
	Key  intentra.PublicKey `json:"key"`
}

// What we chose.
const (
	// maxHubs is how many hubs a client learns of.
	maxHubs = 8
	// handover is after which time without updates a client that has moved subscribes, so that
	// its new hub has what the former one had delivered, and no older values.
	handover = 100 * time.Millisecond
)

// SetHubs has the hub send its clients the hubs that they may move to, the best first for
// each key; it sends at most 8. With leave, clients are asked to move at once. list is
// called with the hub locked, now and later: it must not block, nor call the hub.
func (h *Hub) SetHubs(list func(k intentra.PublicKey) []Address, leave bool) {
	must(h.valid())
	if list == nil {
		panic("hub: SetHubs of a nil function")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.clock.Now()
	h.core.hubs, h.core.leaving = list, leave
	for _, m := range h.core.roster.Snapshot() {
		if m.greeted {
			m.hubsDue = true
			h.core.flush(m, now)
		}
	}
	h.arm()
}

func (c *core) flushHubs(m *member, _ time.Duration) bool {
	if !m.hubsDue {
		return true
	}
	hubs := c.hubs(m.publisher.key)
	msg := message{Type: typeHubs, Seq: 1 << 60, Hubs: hubs[:min(len(hubs), maxHubs)], Leave: c.leaving}
	for len(msg.json()) > MaxControl {
		msg.Hubs = msg.Hubs[:len(msg.Hubs)-1]
	}
	if !c.tell(m, &msg) {
		return false
	}
	m.hubsDue = false
	return true
}

// Move connects the client to another hub of the fleet, declares its topics and subscribes
// there, and leaves the hub to which it was connected. The newest values of its Latest
// topics are sent again. Reliable updates that the former hub had not acknowledged are
// lost. If that hub was still connected, the client subscribes 100 ms later, so that it gets no
// value that is older than one before; it misses the Reliable updates of this time. The
// client must be from Dial. After an error it stays with its hub. Errors are those of
// [intentra.Transport.Dial].
func (c *Client) Move(ctx context.Context, to Address) error {
	if err := waits(ctx, "Move", c.valid()); err != nil {
		return err
	}
	c.mu.Lock()
	old := c.peer
	if old == nil || c.closed {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.target = to.Key
	c.mu.Unlock()
	if old.Key() == to.Key {
		return nil
	}
	if _, err := old.Transport().Dial(ctx, to.Addr, to.Key); err != nil {
		c.stay(old)
		return fmt.Errorf("hub: moving to %s: %w", to.Addr, err)
	}
	_ = old.CloseWith(intentra.CloseNormal) // fails only if the transport is closed
	return nil
}

// stay returns to the hub that a failed Move was to leave. Events of it were ignored.
func (c *Client) stay(old *intentra.Peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.target = old.Key()
	switch connected := old.Connected(); {
	case c.peer != old || c.closed:
	case connected && !c.connected:
		c.begin()
	case !connected && c.connected:
		c.lost()
	}
}

// concerns reports whether an event is about the hub that the client uses or moves to, and
// notes that it has moved.
func (c *Client) concerns(ev intentra.PeerEvent) bool {
	other := c.peer != nil && ev.Peer != c.peer
	if c.target != (intentra.PublicKey{}) && ev.Peer.Key() != c.target || other && ev.Kind == intentra.PeerDown {
		return false
	}
	if other || ev.Kind == intentra.PeerRestarted {
		for _, p := range c.publications {
			p.unsent = p.unsent || p.last != nil // the hub may not know it
		}
	}
	if other && c.connected {
		c.settlesAt = c.clock.Now() + handover
	}
	c.peer = ev.Peer
	return true
}

// resubscribe subscribes to everything at the hub that has welcomed the client, after a move
// not before handover has passed.
func (c *Client) resubscribe() {
	wait := c.settlesAt - c.clock.Now()
	if c.settling = wait > 0; c.settling {
		connection := c.connections
		c.clock.After(wait, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.connections == connection {
				c.settling = false
				c.subscribeAll()
			}
		})
		return
	}
	c.subscribeAll()
}

func (c *Client) subscribeAll() {
	for _, id := range sortedKeys(c.streams) {
		c.streams[id].subscribe()
	}
}
