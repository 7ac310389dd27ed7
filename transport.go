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
	"github.com/intentra/intentra/internal/callback"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/recvq"
	"github.com/intentra/intentra/internal/roster"
	"github.com/intentra/intentra/internal/simulated"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/udp"
	"github.com/intentra/intentra/wire"
)

// shutdownGrace is how long Run lets Shutdown take after its context has ended.
const shutdownGrace = 3 * time.Second

// Transport is one UDP socket, its event loop, and the peers connected over it. Its
// methods may be called from any goroutine and, unless they say otherwise, from
// Handler and OnPeer.
type Transport struct {
	cfg      Config // without Key, which printing a Transport would print
	public   PublicKey
	identity conn.Identity // of Config.Key
	socket   *udp.Conn
	core     *journal.Core // belongs to the loop
	small    int           // see smallMessage
	start    time.Time
	done     chan struct{} // closed when the loop has ended
	failed   error         // why the loop ended, if not by Close; valid after done

	clock     func() pipeline.Time // the method now, bound once: binding allocates
	host      simulated.Host       // nil unless package sim drives the transport, without a socket
	resolving context.Context      // canceled when the loop ends
	stop      context.CancelFunc
	resolver  func(ctx context.Context, addr string, local netip.Addr, found func([]netip.AddrPort)) error // resolve.Remotes, except in tests

	// What other goroutines leave for the loop; see takeInbox. waiting is true while
	// the loop waits for packets, so that it has to be woken.
	inbox   sync.Mutex
	calls   []func(now pipeline.Time)
	ready   []*Peer
	results []*conn.Job
	written bool // there are broadcasts
	closing bool
	waiting atomic.Bool
	// notifying is true during OnPeer.
	notifying atomic.Bool
	gone      atomic.Bool // the loop has ended

	work    chan *conn.Job // to the handshake worker
	working int            // jobs handed to the worker and not yet back; only the loop uses it

	table     sync.RWMutex
	peers     map[PublicKey]*Peer  // those that know this side by Config.Key
	known     *roster.Roster[Peer] // connected or not
	connected *roster.Roster[Peer]

	only atomic.Pointer[Peer] // the peer that the transport was made for, by the function Dial

	labels struct { // see dropLabel
		once sync.Once
		rows []pipeline.DropCount
	}

	acks      acks
	killed    bool // in a simulation: the process has ended without notice
	received  *recvq.Group[*Peer]
	sendDrops sendDrops
	slowCalls atomic.Uint64
	panics    atomic.Uint64
	published published
	loop      loopState
}

// LocalAddr returns the address that the socket is bound to.
func (t *Transport) LocalAddr() netip.AddrPort {
	if t.checked().host != nil {
		return t.host.Addr()
	}
	return t.socket.LocalAddr()
}

// PublicKey returns the public key of Config.Key, the identity of this side.
func (t *Transport) PublicKey() PublicKey { return t.checked().public }

// MaxMessageSize returns the largest payload, in bytes, that can be sent with any
// intent on any channel to a peer with the same MaxDatagram and MaxMessage: MaxMessage, but
// at most 64 KiB, or what fits a datagram of 1,172 bytes, or of MaxDatagram if that is less,
// whichever is more. Growth by outbound stages is subtracted already.
func (t *Transport) MaxMessageSize() int {
	whole := t.maxWhole()
	return max(whole, t.largest(Realtime, wire.MaxMessage)-t.core.Outbound().MaxGrowth())
}

// maxWhole returns the largest payload that is sent whole with any intent on any channel.
func (t *Transport) maxWhole() int {
	budget := min(t.checked().cfg.MaxDatagram, conn.AcceptedDatagram) - wire.Overhead - t.core.Outbound().MaxGrowth()
	n := budget
	for n > 0 && wire.MessageSize(wire.FrameReliable, 1<<32-1, n) > budget {
		n--
	}
	return max(n, 0)
}

// Run waits until ctx ends or the transport is closed. When ctx ends it calls
// [Transport.Shutdown] and gives it three seconds. The error is nil unless the
// socket has failed. A transport serves without Run too; Run is for programs that
// have nothing else to do. In a callback it returns [ErrInCallback].
func (t *Transport) Run(ctx context.Context) error {
	if err := t.checkContext(ctx); err != nil {
		return err
	}
	if err := waits("Run"); err != nil {
		return err
	}
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
		<-t.done // another goroutine closes the transport
		return t.failed
	}
	return err
}

// CheckLoop waits until the event loop has begun another turn, which a loop that is
// stuck, as in a Handler, does not do: for watchdogs and health checks. It returns
// net.ErrClosed if the transport is closed, and the cause of ctx if that ends first. In
// a callback it returns [ErrInCallback].
func (t *Transport) CheckLoop(ctx context.Context) error {
	if err := t.checkContext(ctx); err != nil {
		return err
	}
	if err := waits("CheckLoop"); err != nil {
		return err
	}
	turned := make(chan struct{})
	if !t.call(func(pipeline.Time) { close(turned) }) {
		return errClosed
	}
	select {
	case <-turned:
		return nil
	case <-t.done:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close ends all sessions and the transport at once; queued messages are lost.
// Closing again does nothing. It waits for the event loop to end, except in a
// callback, after which the loop ends. The error is nil, except for a nil Transport.
func (t *Transport) Close() error {
	if !t.valid() {
		return errNoTransport
	}
	t.inbox.Lock()
	t.closing = true
	t.inbox.Unlock()
	t.wake()
	if !callback.Inside() {
		<-t.done
	}
	return nil
}

// Shutdown sends the queued messages, waits until all are acknowledged or lost, and
// closes the transport. If ctx ends first, it closes the transport at once and
// returns the cause of ctx. It returns net.ErrClosed if the transport is closed
// already or by another call. In a callback it returns [ErrInCallback] and does
// nothing.
func (t *Transport) Shutdown(ctx context.Context) error {
	if err := t.checkContext(ctx); err != nil {
		return err
	}
	if err := waits("Shutdown"); err != nil {
		return err
	}
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

// Revoke ends the session of a peer that has connected to this side, and has
// Authorize called again for handshakes in progress. Authorize must refuse the key
// from before the call. A peer that this side dials stays connected, whichever side
// opened the session. Revoke returns before all this is done.
func (t *Transport) Revoke(k PublicKey) {
	t.checked().call(func(now pipeline.Time) { t.core.Revoke(k, now) })
}

// Peers returns the connected peers, whichever identity of this side they know, in
// the order in which they connected. The slice belongs to the caller.
func (t *Transport) Peers() []*Peer { return append([]*Peer(nil), t.checked().connected.Snapshot()...) }

// Peer returns the peer with the given key that knows this side by [Config].Key. It
// is connected, or has been within [Config].ForgetAfter. Peers from
// [Transport.DialAs] are not found: callers keep what DialAs returns.
func (t *Transport) Peer(k PublicKey) (*Peer, bool) {
	t.checked().table.RLock()
	defer t.table.RUnlock()
	p, ok := t.peers[k]
	return p, ok
}
