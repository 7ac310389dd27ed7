package intentra_test

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
)

// patience bounds what would hang; it is not what any test measures.
const patience = 30 * time.Second

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func newKey(t testing.TB) intentra.PrivateKey {
	k, err := intentra.GenerateKey()
	require.NoError(t, err)
	return k
}

// listen opens a transport on the loopback interface, with a key and allowing
// everyone unless cfg says otherwise.
func listen(t testing.TB, cfg intentra.Config) *intentra.Transport {
	return listenOn(t, "127.0.0.1:0", cfg)
}

func listenOn(t testing.TB, addr string, cfg intentra.Config) *intentra.Transport {
	if cfg.Key == (intentra.PrivateKey{}) {
		cfg.Key = newKey(t)
	}
	if cfg.Authorize == nil {
		cfg.Authorize = intentra.AllowAny
	}
	l, err := intentra.Listen(addr, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func dial(t testing.TB, l *intentra.Transport, cfg intentra.Config) *intentra.Peer {
	return dialTo(t, l.LocalAddr(), l.PublicKey(), cfg)
}

func dialTo(t testing.TB, addr netip.AddrPort, key intentra.PublicKey, cfg intentra.Config) *intentra.Peer {
	if cfg.Key == (intentra.PrivateKey{}) {
		cfg.Key = newKey(t)
	}
	p, err := intentra.Dial(within(t), addr.String(), key, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Transport().Close() })
	return p
}

// restless makes a dialer notice quickly that the other side is gone.
func restless(cfg intentra.Config) intentra.Config {
	cfg.KeepAlive, cfg.Unanswered = 100*time.Millisecond, 500*time.Millisecond
	return cfg
}

func realtime(payload string) intentra.Message {
	return intentra.Message{Intent: intentra.Realtime, Payload: []byte(payload)}
}

func latest(channel uint32, payload string) intentra.Message {
	return intentra.Message{Channel: channel, Intent: intentra.Latest, Payload: []byte(payload)}
}

func reliable(payload string) intentra.Message {
	return intentra.Message{Intent: intentra.Reliable, Payload: []byte(payload)}
}

// eventually polls what no event tells of: counters are published by the loop
// some time after the fact.
func eventually(t testing.TB, ctx context.Context, what string, ok func() bool) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.FailNow(t, "never happened: "+what)
		}
	}
}

// next takes from a channel.
func next[T any](t testing.TB, ctx context.Context, from <-chan T) T {
	select {
	case v := <-from:
		return v
	case <-ctx.Done():
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

// receive takes the next message of any peer.
func receive(t testing.TB, ctx context.Context, tr *intentra.Transport) intentra.Received {
	r, err := tr.Receive(ctx)
	require.NoError(t, err)
	return r
}

// events returns an OnPeer and the channel in which its events arrive.
func events() (func(intentra.PeerEvent), <-chan intentra.PeerEvent) {
	c := make(chan intentra.PeerEvent, 1024)
	return func(e intentra.PeerEvent) { c <- e }, c
}

// count returns a named counter.
func count(t testing.TB, counts []intentra.NamedCount, name string) uint64 {
	for _, c := range counts {
		if c.Name == name {
			return c.Count
		}
	}
	require.FailNow(t, "no counter "+name)
	return 0
}

// drops returns the row of a stage and a reason.
func drops(t testing.TB, c pipeline.Counts, stage, reason string) pipeline.DropCount {
	for _, d := range c.Drops {
		if d.Stage == stage && d.Reason == reason {
			return d
		}
	}
	require.FailNow(t, "no row "+stage+" "+reason)
	return pipeline.DropCount{}
}

// relay forwards datagrams between one dialer and a listener, as a NAT does.
type relay struct {
	inside  *net.UDPConn
	target  netip.AddrPort
	outside atomic.Pointer[net.UDPConn]
	client  atomic.Pointer[netip.AddrPort]
	blocked atomic.Bool
	// Forwarded counts datagrams from the dialer to the listener.
	forwarded atomic.Uint64
}

func newRelay(t testing.TB, target netip.AddrPort) *relay {
	inside, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	require.NoError(t, err)
	r := &relay{inside: inside, target: target}
	t.Cleanup(func() { _ = inside.Close() })
	r.move(t)
	go r.inward()
	return r
}

func (r *relay) addr() netip.AddrPort { return r.inside.LocalAddr().(*net.UDPAddr).AddrPort() }

// move has the dialer appear at another port from now on.
func (r *relay) move(t testing.TB) {
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	r.outside.Store(c)
	go r.outward(c)
}

func (r *relay) inward() {
	b := make([]byte, 1<<16)
	for {
		n, from, err := r.inside.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		r.client.Store(&from)
		if !r.blocked.Load() {
			r.forwarded.Add(1)
			_, _ = r.outside.Load().WriteToUDPAddrPort(b[:n], r.target)
		}
	}
}

func (r *relay) outward(c *net.UDPConn) {
	b := make([]byte, 1<<16)
	for {
		n, _, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if to := r.client.Load(); to != nil && !r.blocked.Load() {
			_, _ = r.inside.WriteToUDPAddrPort(b[:n], *to)
		}
	}
}
