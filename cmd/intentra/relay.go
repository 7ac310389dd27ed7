package main

import (
	"errors"
	"sync/atomic"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/hub"
)

// relay forwards each peer's messages to all the other peers, on channels that it
// assigns. handle and peerEvent run on the transport's loop and share their state
// without a lock; the counters may be read from any goroutine.
type relay struct {
	channels hub.Table
	members  map[*intentra.Peer]*member
	// peers are the members, in an order that changes; see others.
	peers []*intentra.Peer
	slow  []*intentra.Peer // scratch space of sendReliable

	received, relayed    atomic.Uint64 // messages received, messages queued to others
	unmapped, slowClosed atomic.Uint64
}

// member is a connected peer.
type member struct {
	at       int // index in peers
	channels *hub.Publisher
	closing  bool
}

// What we chose. A hub's loop may read hundreds of datagrams from many publishers
// before it sends anything. A subscriber's queues must hold the messages of one
// such turn, otherwise a subscriber that keeps up would be treated as slow.
const (
	relayStateMessages    = 1 << 12
	relayStateBytes       = 1 << 20
	relayReliableMessages = 1 << 16
	relayReliableBytes    = 16 << 20
)

// relayConfig returns the configuration of the transport that r relays on.
func relayConfig(key intentra.PrivateKey, r *relay) intentra.Config {
	return intentra.Config{
		Key: key, Handler: r.handle, OnPeer: r.peerEvent,
		SendQueueMessages: relayStateMessages, SendQueueBytes: relayStateBytes,
		ReliableQueueMessages: relayReliableMessages, ReliableQueueBytes: relayReliableBytes,
	}
}

func newRelay() *relay { return &relay{members: make(map[*intentra.Peer]*member)} }

// peerEvent implements Config.OnPeer.
func (r *relay) peerEvent(e intentra.PeerEvent) {
	m, known := r.members[e.Peer]
	up := e.Kind != intentra.PeerDown
	switch {
	case up && known:
		m.closing = false // a new session replaced the old one
	case up:
		r.members[e.Peer] = &member{at: len(r.peers), channels: r.channels.Join()}
		r.peers = append(r.peers, e.Peer)
	case known:
		m.channels.Leave()
		r.moveToEnd(m)
		r.peers[len(r.peers)-1] = nil
		r.peers = r.peers[:len(r.peers)-1]
		delete(r.members, e.Peer)
	}
}

// handle implements Config.Handler.
func (r *relay) handle(m intentra.Received) {
	r.received.Add(1)
	from := r.members[m.Peer]
	if from == nil {
		return // the peer has left since
	}
	own, ok := from.channels.Map(m.Channel)
	if !ok {
		r.unmapped.Add(1)
		return
	}
	m.Channel = own
	to := r.others(from)
	if m.Intent == intentra.Reliable {
		r.sendReliable(m.Message, to)
		return
	}
	b := m.Peer.Transport().BroadcastTo(m.Message, to...)
	r.relayed.Add(uint64(b.Queued + b.Replaced))
}

// others returns all peers except one. It does not allocate: the excluded peer
// moves to the end of the slice. The result is valid until the next call.
func (r *relay) others(but *member) []*intentra.Peer {
	r.moveToEnd(but)
	return r.peers[:len(r.peers)-1]
}

func (r *relay) moveToEnd(m *member) {
	last := len(r.peers) - 1
	other := r.members[r.peers[last]]
	r.peers[m.at], r.peers[last] = r.peers[last], r.peers[m.at]
	m.at, other.at = last, m.at
}

// sendReliable sends m to each peer, and closes those whose queue is full,
// because skipping a Reliable message would break its promise.
func (r *relay) sendReliable(m intentra.Message, to []*intentra.Peer) {
	r.slow = r.slow[:0]
	for _, p := range to {
		switch res := p.Send(m); {
		case res.Status != intentra.Dropped:
			r.relayed.Add(1)
		case errors.Is(res.Err, intentra.ErrQueueFull):
			r.slow = append(r.slow, p)
		}
	}
	// Closing may change r.peers, and to is a slice of it.
	for _, p := range r.slow {
		if m := r.members[p]; m != nil && !m.closing {
			m.closing = true
			r.slowClosed.Add(1)
			_ = p.CloseWith(intentra.CloseSlow) // fails if the hub is closing
		}
	}
}
