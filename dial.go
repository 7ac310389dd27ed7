package intentra

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// dialBatch is the default of Config.Socket.Batch, in messages per system call, for
// a transport with one peer. With GRO and GSO each message is a run of datagrams, so
// one peer seldom fills more than a few, and each takes 64 KiB of buffer.
const dialBatch = 16

// Dial opens a transport on a free port and connects it to one peer, like
// [Transport.Dial]. [Peer.Close] closes the transport as well; to send what is
// queued first, call Shutdown of [Peer.Transport]. The default of
// Config.Socket.Batch is 16 here. The errors are those of [Transport.Dial], or an
// [ErrConfig].
func Dial(ctx context.Context, addr string, key PublicKey, cfg Config) (*Peer, error) {
	if ctx == nil {
		return nil, errNoContext
	}
	if err := waits("Dial"); err != nil {
		return nil, err
	}
	if cfg.Socket.Batch == 0 {
		cfg.Socket.Batch = dialBatch
	}
	// Both families, because the addresses of a name may change while it is dialled.
	t, err := listen(netip.AddrPortFrom(netip.IPv6Unspecified(), 0), cfg)
	if err != nil {
		return nil, err
	}
	p, err := t.Dial(ctx, addr, key)
	if err != nil {
		_ = t.Close()
		return nil, err
	}
	t.only.Store(p)
	return p, nil
}

// Dial connects to the peer with the given key at addr ("host:port", or up to 16 of them
// with commas between them) and returns once the peer has confirmed the handshake. From
// then on the transport keeps the peer connected until either side closes the session.
//
// All addresses of all names are tried, up to 16, IPv4 and IPv6 alternating: the next one
// 250 ms after the one before, or a second after it if that has shown a sign of life
// (RFC 8305). The first that answers is used. To reconnect, the last address that worked
// is tried at once, and the names are resolved again at the same time.
//
// If the peer is connected or being dialled already, Dial returns that peer or waits
// for it, whatever its address.
//
// The error is ErrKey for the zero key and for that of this side, ErrNoAnswer,
// ErrNotConfirmed, ErrWrongKey, a *net.DNSError, net.ErrClosed, ErrInCallback, or the
// cause of ctx. ErrNoAnswer, ErrNotConfirmed and ErrWrongKey say what was observed at
// each address. [Config].RetryDial has Dial try again until ctx ends; its error is then that of ctx
// and of the last attempt.
//
// After an error the peer is no longer dialled, with one exception: if ctx has
// ended, dialling goes on while another Dial waits for the peer, or if the peer had
// been connected before and is being dialled again.
func (t *Transport) Dial(ctx context.Context, addr string, key PublicKey) (*Peer, error) {
	if err := t.checkContext(ctx); err != nil {
		return nil, err
	}
	return t.dialAs(ctx, t.identity, addr, key)
}

// DialAs is Dial with another identity of this side than [Config].Key, so that
// thousands of logical peers, as those of a gateway in front of robots, share one
// socket and one loop. One remote key dialled with two identities is two peers.
// Peers that connect to this transport always see Config.Key, and
// [Transport.Peer] and [Transport.Revoke] are about that identity alone.
//
// The errors are those of Dial, and ErrKey for a zero identity.
func (t *Transport) DialAs(ctx context.Context, identity PrivateKey, addr string, key PublicKey) (*Peer, error) {
	if err := t.checkContext(ctx); err != nil {
		return nil, err
	}
	as, err := conn.NewIdentity(identity)
	if err != nil {
		return nil, fmt.Errorf("dialling %s: %w: the identity is zero", addr, ErrKey)
	}
	return t.dialAs(ctx, as, addr, key)
}

func (t *Transport) dialAs(ctx context.Context, as conn.Identity, addr string, key PublicKey) (*Peer, error) {
	if err := waits("Dial"); err != nil {
		return nil, err
	}
	if n := strings.Count(addr, ",") + 1; n > mostNames {
		return nil, fmt.Errorf("intentra: dialling %d addresses, want at most %d", n, mostNames)
	}
	for name := range strings.SplitSeq(addr, ",") {
		if _, _, err := net.SplitHostPort(name); err != nil {
			return nil, fmt.Errorf("intentra: address %q: %w", name, err)
		}
	}
	own := PublicKey(as.Public())
	switch key {
	case PublicKey{}:
		return nil, fmt.Errorf("dialling %s: %w: the key is zero", addr, ErrKey)
	case own:
		return nil, fmt.Errorf("dialling %s: %w: this is the key of this side, and a transport does not dial itself; give the key of the peer", addr, ErrKey)
	}
	if ctx.Err() != nil { // otherwise the dial might succeed
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
		p.reopen()
		p.await(as, addr, answer)
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

// awaitDial waits for the answer to a dial that has begun.
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
			// The answer has come at the same time; return it.
			return t.awaitDial(context.WithoutCancel(ctx), p, addr, answer)
		}
		if last {
			// Stop dialling, unless another Dial has come before the loop runs
			// this. The core goes on if the peer had been connected before.
			t.call(func(now pipeline.Time) {
				if !p.awaited() {
					t.core.AbandonDial(p.core, now)
				}
			})
		}
		if err := p.dialError(); err != nil {
			return fmt.Errorf("dialling %s: %w; the last attempt: %w", addr, context.Cause(ctx), err)
		}
		return fmt.Errorf("dialling %s: %w", addr, context.Cause(ctx))
	}
}
