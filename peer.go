package intentra

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/recvq"
	"github.com/intentra/intentra/pipeline"
)

// Peer is an identity that is or was connected. The same Peer is used when it
// reconnects, until it has been disconnected for [Config].ForgetAfter. Its methods
// may be called from any goroutine and, unless they say otherwise, from Handler
// and OnPeer.
type Peer struct {
	t    *Transport
	core *conn.Peer // belongs to the loop, except its keys and its send queue

	received atomic.Pointer[recvq.Queue[*Peer]] // see receiveQueue

	sizes   atomic.Uint64                    // see storeSizes
	life    life                             // whether it is connected, or has ended for good
	reason  CloseReason                      // of the latest disconnect; only the loop uses it
	stale   bool                             // the statistics have changed; only the loop uses it
	places  struct{ known, connected int32 } // see package roster
	remote  atomic.Pointer[netip.AddrPort]
	session atomic.Uint64 // number of the latest session

	sendDrops atomic.Uint64

	// lock guards what follows, which other goroutines share with the loop.
	lock      sync.Mutex
	stats     conn.PeerStats
	rare      *rareStats // nil until there are any
	lifecycle *lifecycle // nil until the peer is dialled or Done is called
}

// Key returns the public key of the peer.
func (p *Peer) Key() PublicKey { return p.checked().core.Key }

// Identity returns the public key of this side that the peer knows: that of
// [Config].Key, or of the identity given to [Transport.DialAs].
func (p *Peer) Identity() PublicKey { return p.checked().core.Identity() }

// Transport returns the transport that the peer belongs to.
func (p *Peer) Transport() *Transport { return p.checked().t }

// Connected reports whether the peer is connected.
func (p *Peer) Connected() bool { return p.checked().life.up() }

// Session returns the number of the latest session with the peer, zero before the
// first. This side numbers the sessions of a peer from one as they are confirmed. A
// new session that replaces another with the same process causes no event.
func (p *Peer) Session() uint64 { return p.checked().session.Load() }

// Addr returns the current address of the peer, or the last one if it is not
// connected. It is the zero AddrPort before the peer has connected.
func (p *Peer) Addr() netip.AddrPort {
	if a := p.checked().remote.Load(); a != nil {
		return *a
	}
	return netip.AddrPort{}
}

// Close ends the session with the peer and stops dialling it. Queued messages are
// lost; see [Transport.Shutdown]. It does not wait, unless the peer is from the
// function [Dial]: then it is [Transport.Close], which closes the transport too. The
// error is net.ErrClosed if the transport is closed already.
func (p *Peer) Close() error {
	if !p.valid() {
		return errNoPeer
	}
	if p.t.only.Load() == p {
		return p.t.Close()
	}
	return p.CloseWith(CloseNormal)
}

// CloseWith ends the session like Close, with a reason that the peer receives,
// but never closes the transport. Reasons from 32 on are what one side finds for
// itself: with such a reason it returns an error and the session goes on.
func (p *Peer) CloseWith(reason CloseReason) error {
	if !p.valid() {
		return errNoPeer
	}
	if reason >= CloseIdle {
		return errReason
	}
	if !p.t.call(func(now pipeline.Time) {
		if p.core.Dialled() || endsForGood(reason) {
			p.end(reason) // before callers of SendWait wake up
		}
		p.t.core.ClosePeer(p.core, reason, now)
	}) {
		return errClosed
	}
	return nil
}
