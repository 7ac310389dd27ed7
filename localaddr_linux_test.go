package intentra_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// listenIn opens a transport in the namespace.
func listenIn(t *testing.T, n *namespace, addr string, cfg intentra.Config) (tr *intentra.Transport) {
	t.Helper()
	cfg.Key, cfg.Authorize = loopback.Key(t), intentra.AllowAny
	var err error
	n.do(func() { tr, err = intentra.Listen(addr, cfg) })
	require.NoError(t, err)
	t.Cleanup(func() { _ = tr.Close() })
	return tr
}

// A listener on a wildcard address answers from the address that was dialled: each of
// several addresses of one network card, virtual addresses on the loopback interface, and
// 127.0.0.2. A dialer ignores answers from any other address. One socket reaches both
// families.
func TestLocalAddressesInKernel(t *testing.T) {
	here, there := newNamespace(t), newNamespace(t)
	join(t, here, "here", "10.78.1.1", there, "there", "10.78.1.2")
	here.run(t, "ip", "addr", "add", "10.78.1.10/24", "dev", "here")
	here.run(t, "ip", "addr", "add", "10.78.9.9/32", "dev", "lo")
	there.run(t, "ip", "route", "add", "10.78.9.9/32", "via", "10.78.1.1")
	four := []string{"10.78.1.1", "10.78.1.10", "10.78.9.9"}
	six := []string{"fd78::1", "fd78::10", "fd78:9::9"}
	here.run(t, "ip", "addr", "add", "fd78::1/64", "dev", "here", "nodad")
	here.run(t, "ip", "addr", "add", "fd78::10/64", "dev", "here", "nodad")
	here.run(t, "ip", "addr", "add", "fd78:9::9/128", "dev", "lo", "nodad")
	there.run(t, "ip", "addr", "add", "fd78::2/64", "dev", "there", "nodad")
	there.run(t, "ip", "route", "add", "fd78:9::9/128", "via", "fd78::1")

	ctx := loopback.Context(t)
	for _, tt := range []struct {
		listen string
		addrs  []string
		local  []string // dialled in the listener's own namespace
	}{
		{":7000", append(append([]string{}, four...), six...), []string{"127.0.0.1", "127.0.0.2", "::1", "10.78.1.10"}},
		{"0.0.0.0:7000", four, []string{"127.0.0.2", "10.78.9.9"}},
	} {
		t.Run(tt.listen, func(t *testing.T) {
			l := listenIn(t, here, tt.listen, intentra.Config{})
			near, far := listenIn(t, here, ":0", intentra.Config{}), listenIn(t, there, ":0", intentra.Config{})
			dial := func(from *intentra.Transport, addr string) {
				at := netip.AddrPortFrom(netip.MustParseAddr(addr), 7000)
				p, err := from.DialAs(ctx, loopback.Key(t), at.String(), l.PublicKey())
				require.NoError(t, err, addr)
				require.Equal(t, at, p.Addr())
				require.Equal(t, intentra.Queued, p.Send(loopback.Reliable("question")).Status)
				m, err := l.Receive(ctx)
				require.NoError(t, err)
				require.Equal(t, intentra.Queued, m.Peer.Send(loopback.Reliable("answer")).Status)
				_, err = from.Receive(ctx)
				require.NoError(t, err)
				require.Equal(t, at, p.Addr())
			}
			for _, addr := range tt.addrs {
				dial(far, addr)
			}
			for _, addr := range tt.local {
				dial(near, addr)
			}
			require.Zero(t, l.Stats().Roams+near.Stats().Roams+far.Stats().Roams)
			_ = l.Close()
		})
	}
}

// A dialer whose address is taken from its network card goes on from another one, in the
// same session.
func TestDialerLosesItsAddressInKernel(t *testing.T) {
	here, there := newNamespace(t), newNamespace(t)
	join(t, here, "here", "10.79.1.1", there, "there", "10.79.1.2")
	there.run(t, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/promote_secondaries")
	there.run(t, "ip", "addr", "add", "10.79.1.3/24", "dev", "there")
	ctx := loopback.Context(t)
	l, d := listenIn(t, here, ":7000", intentra.Config{}), listenIn(t, there, ":0", intentra.Config{})
	p, err := d.Dial(ctx, "10.79.1.1:7000", l.PublicKey())
	require.NoError(t, err)
	theirs, ok := l.Peer(d.PublicKey())
	require.True(t, ok)
	require.Equal(t, netip.MustParseAddr("10.79.1.2"), theirs.Addr().Addr())
	there.run(t, "ip", "addr", "del", "10.79.1.2/24", "dev", "there")
	loopback.Eventually(t, ctx, "the listener has followed", func() bool {
		p.Send(loopback.Reliable("x"))
		return theirs.Addr().Addr() == netip.MustParseAddr("10.79.1.3")
	})
	require.EqualValues(t, 1, l.Stats().Roams)
	require.Equal(t, uint64(1), p.Session())
}
