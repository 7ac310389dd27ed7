package intentra

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/recvq"
	"github.com/intentra/intentra/pipeline"
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
// reconnects, until it has been gone for Config.ForgetAfter. Its methods may be
// called from any goroutine, and from Handler and OnPeer unless they say
// otherwise.
type Peer struct {
	t    *Transport
	core *conn.Peer // belongs to the loop, but for its keys and its Queue

	up          atomic.Bool
	dialled     atomic.Bool                      // package-level Dial made the transport for this peer alone
	maxDatagram atomic.Int32                     // of the session, or ours
	stale       bool                             // the loop's: statistics have changed
	places      struct{ known, connected int32 } // the rosters'
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
