package intentra

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/recvq"
	"github.com/intentra/intentra/internal/roster"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/udp"
	"github.com/intentra/intentra/wire"
)

// shutdownGrace is how long Run lets Shutdown take once its context is done.
const shutdownGrace = 3 * time.Second

// Transport is one socket with its event loop, and the peers connected over it.
// Its methods may be called from any goroutine, and those that do not say
// otherwise also from Handler and OnPeer.
type Transport struct {
	cfg      Config // without Key, so that printing a Transport does not print it
	public   PublicKey
	identity conn.Identity // of Config.Key
	socket   *udp.Conn
	core     *journal.Core // belongs to the loop
	start    time.Time
	done     chan struct{} // closed when the loop has ended
	failed   error         // why, if it was not asked to; read after done

	clock     func() pipeline.Time // now, made once
	resolving context.Context      // ends with the transport
	stop      context.CancelFunc
	resolver  func(ctx context.Context, addr string, local netip.Addr) (netip.AddrPort, error) // resolve.Remote, except in tests

	// What other goroutines leave for the loop. waiting is true while the loop
	// waits for packets and wants to be woken.
	inbox   sync.Mutex
	calls   []func(now pipeline.Time)
	ready   []*Peer
	results []*conn.Job
	closing bool
	waiting atomic.Bool

	work    chan *conn.Job // to the handshake worker
	working int            // jobs out; the loop's

	table     sync.RWMutex
	peers     map[PublicKey]*Peer  // those that know us by Config.Key
	known     *roster.Roster[Peer] // all, also those that are not connected
	connected *roster.Roster[Peer]

	received  *recvq.Group[*Peer]
	sendDrops sendDrops
	slowCalls atomic.Uint64
	panics    atomic.Uint64
	published published
	loop      loopState
}

// LocalAddr returns the address that the socket is bound to.
func (t *Transport) LocalAddr() netip.AddrPort { return t.socket.LocalAddr() }

// PublicKey returns this side's identity.
func (t *Transport) PublicKey() PublicKey { return t.public }

// MaxMessageSize returns the longest payload that fits whatever its intent and
// channel, towards a peer with the same MaxDatagram and before stages that
// make messages longer. Messages on low channels may be a few bytes longer.
func (t *Transport) MaxMessageSize() int {
	budget := t.cfg.MaxDatagram - wire.Overhead - t.core.Outbound().MaxGrowth()
	n := budget
	for n > 0 && wire.MessageSize(wire.FrameReliable, 1<<32-1, n) > budget {
		n--
	}
	return max(n, 0)
}

// Run serves until ctx is done or the transport is closed, and shuts down in
// the first case, which takes up to three seconds. It returns nil unless the
// socket has failed. A transport serves without Run, too; Run is for a program
// that has nothing else to do.
func (t *Transport) Run(ctx context.Context) error {
	select {
	case <-t.done:
		return t.failed
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	err := t.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		t.cfg.Logger.Warn("some messages were not acknowledged before the shutdown")
		err = nil
	}
	if errors.Is(err, net.ErrClosed) {
		<-t.done // somebody else is closing it
		return t.failed
	}
	return err
}

// Close says goodbye and ends the transport at once; what waits to be sent is
// lost. It waits for the loop: not from Handler or OnPeer. Closing again does
// nothing.
func (t *Transport) Close() error {
	t.inbox.Lock()
	t.closing = true
	t.inbox.Unlock()
	t.wake()
	<-t.done
	return nil
}

// Shutdown sends what waits, waits until it has been acknowledged or lost, says
// goodbye and closes. When ctx ends first it closes at once and returns ctx's
// error; when another has closed the transport, net.ErrClosed. Not from Handler
// or OnPeer.
func (t *Transport) Shutdown(ctx context.Context) error {
	settled := make(chan struct{})
	if !t.call(func(now pipeline.Time) { t.loop.drain(settled) }) {
		return errClosed
	}
	select {
	case <-settled:
	case <-t.done:
		return errClosed
	case <-ctx.Done():
		_ = t.Close()
		return fmt.Errorf("intentra: shutdown: %w", context.Cause(ctx))
	}
	return t.Close()
}

// Revoke ends the session of a peer that has connected to us, and has
// handshakes under way judged anew by Authorize, which from now on must refuse
// the key. Peers that we dial stay, whichever side has opened the session. It
// returns before that is done.
func (t *Transport) Revoke(k PublicKey) {
	t.call(func(now pipeline.Time) { t.core.Revoke(k, now) })
}

// Peers returns the connected peers, in the order in which they connected,
// under whatever identity of ours.
func (t *Transport) Peers() []*Peer { return append([]*Peer(nil), t.connected.Snapshot()...) }

// Peer returns the peer with the key, connected or lately so, that knows us by
// Config.Key; one that DialAs has returned is its caller's to keep.
func (t *Transport) Peer(k PublicKey) (*Peer, bool) {
	t.table.RLock()
	defer t.table.RUnlock()
	p, ok := t.peers[k]
	return p, ok
}
