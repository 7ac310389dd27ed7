package intentra

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/intentra/intentra/conn"
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
	remote, err := resolve(ctx, addr, netip.Addr{})
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

// wish is what calls of Dial have left at a peer.
type wish struct {
	target  string // of the latest
	waiters []chan error
	lookups uint64 // the loop's: of the target, as many as have begun
}

// await has the answer to a dial sent to a channel with room for it.
func (p *Peer) await(addr string, answer chan error) {
	p.dialLock.Lock()
	defer p.dialLock.Unlock()
	if p.wish == nil {
		p.wish = new(wish)
	}
	p.wish.target = addr
	p.wish.waiters = append(p.wish.waiters, answer)
}

// answerWaiters ends all waits in Dial and reports whether there were any.
func (p *Peer) answerWaiters(err error) bool {
	p.dialLock.Lock()
	defer p.dialLock.Unlock()
	if p.wish == nil {
		return false
	}
	n := len(p.wish.waiters)
	for _, w := range p.wish.waiters {
		w <- err
	}
	p.wish.waiters = nil
	return n > 0
}

// leave takes a waiter out, and reports whether it was there, and was the last.
func (p *Peer) leave(answer chan error) (here, last bool) {
	p.dialLock.Lock()
	defer p.dialLock.Unlock()
	i := slices.Index(p.wish.waiters, answer)
	if i < 0 {
		return false, false
	}
	p.wish.waiters = slices.Delete(p.wish.waiters, i, i+1)
	return true, len(p.wish.waiters) == 0
}

// awaited reports whether anybody waits in Dial.
func (p *Peer) awaited() bool {
	p.dialLock.Lock()
	defer p.dialLock.Unlock()
	return p.wish != nil && len(p.wish.waiters) > 0
}

// resolve answers the core's NeedAddress from a goroutine of its own. The answer
// to an earlier one may come late, of a dial that was given up: the name may
// have been another, so nobody gets it.
func (t *Transport) resolve(p *Peer) {
	p.wish.lookups++
	lookup := p.wish.lookups
	p.dialLock.Lock()
	target := p.wish.target
	p.dialLock.Unlock()
	go func() {
		addr, err := t.resolver(t.resolving, target, t.LocalAddr().Addr())
		t.call(func(now pipeline.Time) {
			t.handleEvents() // among them may be a later NeedAddress
			if p.wish.lookups != lookup {
				return
			}
			if err != nil {
				t.core.DialFailed(p.core, err, now)
				return
			}
			t.core.SetAddress(p.core, addr, now)
		})
	}()
}

// resolve looks an address up that a socket bound to local can reach; a zero
// local reaches all.
func resolve(ctx context.Context, addr string, local netip.Addr) (netip.AddrPort, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("intentra: address %q: %w", addr, err)
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", portText)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("intentra: address %q: %w", addr, err)
	}
	if port == 0 {
		return netip.AddrPort{}, fmt.Errorf("intentra: address %q: port 0 cannot be dialled", addr)
	}
	if host == "" {
		host = "localhost"
	}
	network := "ip"
	switch {
	case local.Is4():
		network = "ip4"
	case local.Is6() && !local.IsUnspecified():
		network = "ip6"
	}
	ips, err := lookup(ctx, network, host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("intentra: %w", err)
	}
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	if len(ips) == 0 {
		return netip.AddrPort{}, errors.New("intentra: " + strconv.Quote(host) + " has no address")
	}
	// IPv4 first where both are there: "localhost" listeners are mostly that.
	slices.SortStableFunc(ips, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return netip.AddrPortFrom(ips[0], uint16(port)), nil
}

// lookup is LookupNetIP, which loses the zone of a link-local address. Of others
// the zone has to go: what comes from there has none.
func lookup(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() != "" && network != "ip4" {
		zone := ""
		if ip.IsLinkLocalUnicast() {
			zone = zoneName(ip.Zone())
		}
		return []netip.Addr{ip.WithZone(zone)}, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, network, host)
}

// zoneName returns the name of the interface that a zone names or numbers:
// what comes from there has the name.
func zoneName(zone string) string {
	if n, err := strconv.Atoi(zone); err == nil {
		if i, err := net.InterfaceByIndex(n); err == nil {
			return i.Name
		}
	}
	return zone
}
