package intentra

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/recvq"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/wire"
)

// PeerEvent tells that a peer is connected or is not any more.
type PeerEvent struct {
	Peer *Peer
	Up   bool
	// Reason says why a peer is down.
	Reason CloseReason
	// Reconnecting says that we keep dialling it.
	Reconnecting bool
}

// Peer is an identity that is or was connected. It stays the same object over
// reconnects, until it has been gone for Config.IdleTimeout. Its methods may be
// called from any goroutine, and from Handler and OnPeer unless they say
// otherwise.
type Peer struct {
	t    *Transport
	core *conn.Peer // belongs to the loop, but for its keys and its Queue

	up          atomic.Bool
	dialled     atomic.Bool  // package-level Dial made the transport for this peer alone
	maxDatagram atomic.Int32 // of the session, or ours
	stale       bool         // the loop's: statistics have changed
	places      [2]int32     // in each roster, from one; zero: not there. Under its lock
	remote      atomic.Pointer[netip.AddrPort]

	received atomic.Pointer[recvq.Queue[*Peer]] // nil until it is needed; see receiveQueue

	statsLock sync.Mutex
	stats     conn.PeerStats
	dropRows  []uint64
	sendDrops atomic.Uint64

	dialLock sync.Mutex
	wish     *wish // nil if we have never dialled it
}

// Key returns the peer's identity.
func (p *Peer) Key() PublicKey { return p.core.Key }

// Identity returns our public key towards this peer: that of Config.Key, or the
// one given to DialAs.
func (p *Peer) Identity() PublicKey { return p.core.Identity() }

// Transport returns the transport that the peer belongs to.
func (p *Peer) Transport() *Transport { return p.t }

// Connected reports whether the peer is connected now.
func (p *Peer) Connected() bool { return p.up.Load() }

// Addr returns the peer's present or last address.
func (p *Peer) Addr() netip.AddrPort {
	if a := p.remote.Load(); a != nil {
		return *a
	}
	return netip.AddrPort{}
}

// Send hands m over to be sent, and says what has become of it. It copies the
// payload and never blocks.
//
// While a peer that we dial is not connected, Latest and Reliable messages
// wait for it; Realtime ones, and all for a peer that dials us, are dropped.
func (p *Peer) Send(m Message) SendResult {
	if err := p.check(m); err != nil {
		return p.refused(err)
	}
	o, wake := p.core.Push(m.Channel, m.Intent, m.Payload)
	return p.pushed(o, wake)
}

// SendWait is Send for a caller who would rather wait than have a message,
// this or an older one, dropped for want of room or of a connection. Not from
// Handler or OnPeer. It returns ctx's error, or one that Send would give.
func (p *Peer) SendWait(ctx context.Context, m Message) error {
	if err := p.check(m); err != nil {
		return p.refused(err).Err
	}
	for {
		o, wake, room := p.core.PushWait(m.Channel, m.Intent, m.Payload)
		if room == nil {
			return p.pushed(o, wake).Err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.t.done:
			return p.refused(errClosed).Err
		}
	}
}

func (p *Peer) check(m Message) error {
	if m.Intent < Realtime || m.Intent > Reliable {
		return ErrIntent
	}
	limit := p.t.cfg.MaxDatagram
	if n := int(p.maxDatagram.Load()); n > 0 {
		limit = min(limit, n)
	}
	size := wire.MessageSize(pack.FrameType(m.Intent), m.Channel, len(m.Payload)+p.t.core.Outbound().MaxGrowth())
	if size+wire.Overhead > limit {
		return ErrMessageTooLarge
	}
	return nil
}

func (p *Peer) pushed(r conn.PushResult, wake bool) SendResult {
	if wake {
		p.t.markReady(p)
	}
	switch r {
	case conn.Queued:
		return SendResult{Status: Queued}
	case conn.Replaced:
		return SendResult{Status: Replaced}
	case conn.QueueFull:
		return p.refused(ErrQueueFull)
	case conn.PeerOffline:
		if !p.t.ending() {
			return p.refused(ErrNotConnected)
		}
	}
	return p.refused(errClosed)
}

func (p *Peer) refused(err error) SendResult {
	p.sendDrops.Add(1)
	p.t.sendDrops.count(err)
	return SendResult{Status: Dropped, Err: err}
}

// Close ends the connection with the peer and stops dialling it. What waits to
// be sent is lost; see Transport.Shutdown. It returns at once. If Dial made a
// transport for this peer alone, that is closed too, for which Close waits.
func (p *Peer) Close() error {
	if p.dialled.Load() {
		return p.t.Close()
	}
	return p.CloseReason(wire.CloseNormal)
}

// CloseReason is Close with the reason that the peer is told. Those from 32 on
// are one side's own finding: it refuses them, and does not close.
func (p *Peer) CloseReason(reason CloseReason) error {
	if reason >= wire.CloseIdle {
		return errReason
	}
	if !p.t.call(func(now pipeline.Time) { p.t.core.ClosePeer(p.core, reason, now) }) {
		return errClosed
	}
	return nil
}

// markReady tells the loop that the peer's queue has something to send.
func (t *Transport) markReady(p *Peer) {
	t.inbox.Lock()
	t.ready = append(t.ready, p)
	t.inbox.Unlock()
	t.wake()
}
