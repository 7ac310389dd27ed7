package intentra

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/resolve"
	"github.com/intentra/intentra/pipeline"
)

// dialBatch is Config.Socket.Batch, in messages per system call, where a
// transport has one peer: with GRO and GSO each is a run of datagrams, so that a
// peer seldom fills more than a few, while each has 64 KiB of buffer.
const dialBatch = 16

// Dial opens a transport on a port of its own, connects it to the peer with
// the given key at addr ("host:port"), and returns once that has confirmed the
// handshake. Close of the Peer ends the transport as well; Shutdown of its
// Transport does so in good order. The default of Config.Socket.Batch is 16 here.
func Dial(ctx context.Context, addr string, key PublicKey, cfg Config) (*Peer, error) {
	remote, err := resolve.Remote(ctx, addr, netip.Addr{})
	if err != nil {
		return nil, err
	}
	local := netip.IPv4Unspecified()
	if remote.Addr().Is6() {
		local = netip.IPv6Unspecified()
	}
	if cfg.Socket.Batch == 0 {
		cfg.Socket.Batch = dialBatch
	}
	t, err := listen(netip.AddrPortFrom(local, 0), cfg)
	if err != nil {
		return nil, err
	}
	p, err := t.Dial(ctx, addr, key)
	if err != nil {
		_ = t.Close()
		return nil, err
	}
	p.dialled.Store(true)
	return p, nil
}

// Dial connects to the peer with the given key at addr ("host:port") and
// returns once it has confirmed the handshake. From then on the transport
// keeps the peer connected, resolving the name again each time, until it is
// closed here or there. Not from Handler or OnPeer.
//
// A peer that is connected or being dialled already is returned as it is,
// whatever its address.
//
// Errors are ErrKey for our own key and for none, ErrNoAnswer,
// ErrNotConfirmed, ErrWrongKey, a *net.DNSError, net.ErrClosed, or ctx's; then
// the peer is not dialled any more. After ctx's it is where another Dial waits
// for it, or where it has been connected before and is being dialled again.
func (t *Transport) Dial(ctx context.Context, addr string, key PublicKey) (*Peer, error) {
	return t.dialAs(ctx, t.identity, addr, key)
}

// DialAs is Dial under the identity of another private key than Config.Key, so
// that thousands of logical peers (of a gateway in front of robots, of a load
// generator) share one socket and one loop. The same key dialled under two
// identities is two peers. Those who connect to this transport always meet
// Config.Key; so do Transport.Peer and Revoke.
//
// Errors are those of Dial, and ErrKey for a zero identity.
func (t *Transport) DialAs(ctx context.Context, identity PrivateKey, addr string, key PublicKey) (*Peer, error) {
	as, err := conn.NewIdentity(identity)
	if err != nil {
		return nil, fmt.Errorf("dialling %s: %w: the identity is zero", addr, ErrKey)
	}
	return t.dialAs(ctx, as, addr, key)
}

func (t *Transport) dialAs(ctx context.Context, as conn.Identity, addr string, key PublicKey) (*Peer, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, fmt.Errorf("intentra: address %q: %w", addr, err)
	}
	own := PublicKey(as.Public())
	switch key {
	case PublicKey{}:
		return nil, fmt.Errorf("dialling %s: %w: the key is zero", addr, ErrKey)
	case own:
		return nil, fmt.Errorf("dialling %s: %w: it is our own, and a transport does not dial itself; give the other side's", addr, ErrKey)
	}
	if ctx.Err() != nil { // or it might succeed all the same
		return nil, fmt.Errorf("dialling %s: %w", addr, context.Cause(ctx))
	}
	type started struct {
		p   *Peer
		err error
	}
	begun := make(chan started, 1)
	answer := make(chan error, 1)
	ok := t.call(func(now pipeline.Time) {
		t.handleEvents() // the end of an earlier dial is not for this one's waiter
		c, err := t.core.DialAs(as, key, now)
		if err != nil {
			begun <- started{err: err}
			return
		}
		p := t.peerOf(c)
		p.await(addr, answer)
		if c.Connected() {
			p.answerWaiters(nil)
		}
		begun <- started{p: p}
	})
	if !ok {
		return nil, errClosed
	}
	var s started
	select {
	case s = <-begun:
	case <-t.done:
		return nil, errClosed
	}
	if s.err != nil {
		return nil, fmt.Errorf("intentra: %w", s.err)
	}
	return s.p, t.awaitDial(ctx, s.p, addr, answer)
}

func (t *Transport) awaitDial(ctx context.Context, p *Peer, addr string, answer chan error) error {
	select {
	case err := <-answer:
		if err != nil {
			return fmt.Errorf("dialling %s: %w", addr, err)
		}
		return nil
	case <-t.done:
		return errClosed
	case <-ctx.Done():
		here, last := p.leave(answer)
		if !here {
			// The answer has come at the same time, and holds.
			return t.awaitDial(context.WithoutCancel(ctx), p, addr, answer)
		}
		if last {
			// Stop dialling, unless others wait for the same peer, or it has
			// been connected before and is to stay so. Another may have come
			// by the time the loop gets to it.
			t.call(func(now pipeline.Time) {
				if !p.awaited() {
					t.core.AbandonDial(p.core, now)
				}
			})
		}
		return fmt.Errorf("dialling %s: %w", addr, context.Cause(ctx))
	}
}
