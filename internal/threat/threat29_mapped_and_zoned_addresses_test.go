package threat

import (
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// mapped returns the IPv4-mapped IPv6 form of an address.
func mapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
}

// All forms of an address belong to the same peer: IPv4 or IPv4-mapped IPv6, with an
// irrelevant zone, or with a zone given by name or number.
func TestThreat29MappedAndZonedAddresses(t *testing.T) {
	inTables, baseline, delivery := mappedDatagrams(t)
	dials := mappedDials(t)
	zoned := zonedDials(t)
	report(t, 29, "%d datagrams from mapped addresses: roams 0, half-open handshakes of one address in both forms %d of 5, the others wait; %d dials of one peer by IPv4 and mapped, %d by zoned addresses: one peer, one session each; honest delivery %s without, %s with",
		inTables.datagrams, inTables.halfOpen, dials, zoned, percent(baseline), percent(delivery))
}

type tables struct{ datagrams, halfOpen int }

// mappedDatagrams delivers every other datagram with its source address mapped, as a
// dual-stack socket may.
func mappedDatagrams(t *testing.T) (in tables, baseline, delivery float64) {
	const slots = 5
	s, baseline, delivery := underAttack(t, 29, func(s *scene) {
		s.Tap(func(d sim.Datagram) (pass sim.Action) {
			if in.datagrams++; in.datagrams%2 == 0 {
				pass.From = mapped(d.From)
			}
			return pass
		})
	}, func(hub *intentra.Config) { hub.MaxHandshakesPerAddress = slots })
	require.Equal(t, baseline, delivery)
	require.Equal(t, 1.0, delivery)
	stats := s.hub.Stats()
	require.Zero(t, stats.Roams, "the mapped address counted as another one")
	require.Equal(t, len(s.peers), stats.Peers)
	require.Equal(t, len(s.peers), stats.Sessions)
	require.Zero(t, closes(stats))

	// Dialers at one address, every other datagram of which appears mapped, share the
	// five slots of the address. Message 3 is lost.
	s.Tap(func(d sim.Datagram) (pass sim.Action) {
		pass.Drop = d.Type() == wire.TypeFinal
		return pass
	})
	for i := range 8 {
		n := s.node("half"+string(rune('a'+i)), intentra.Config{})
		require.NoError(t, n.Rebind(netip.AddrPortFrom(netip.MustParseAddr("10.9.9.9"), uint16(1000+i))))
		require.NoError(t, n.Dial(s.hub.Key()))
	}
	s.run(time.Second)
	in.halfOpen = s.hub.Stats().HandshakesInFlight
	require.Equal(t, slots, in.halfOpen)
	require.NotZero(t, s.hub.Handshakes(conn.HandshakeWaiting))
	return in, baseline, delivery
}

// mappedDials dials a dual-stack listener, and dials from it, by both forms of the
// address.
func mappedDials(t *testing.T) (dials int) {
	ctx := loopback.Context(t)
	probe, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Log("IPv6 is not available")
		return 0
	}
	_ = probe.Close()
	l := loopback.ListenOn(t, "[::]:0", intentra.Config{})
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), l.LocalAddr().Port())
	for _, from := range []string{"127.0.0.1:0", "[::]:0"} {
		d := loopback.ListenOn(t, from, intentra.Config{})
		var peer *intentra.Peer
		for _, target := range []netip.AddrPort{at, mapped(at)} {
			p, err := d.Dial(ctx, target.String(), l.PublicKey())
			require.NoError(t, err)
			require.Equal(t, at, p.Addr())
			require.True(t, peer == nil || peer == p, "the two forms of the address are different peers")
			peer = p
			dials++
		}
		stream(t, ctx, peer, 10, peerOf(t, ctx, l, peer).Receive)
		theirs := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), d.LocalAddr().Port())
		loopback.Eventually(t, ctx, "the address has one form", func() bool { return peerOf(t, ctx, l, peer).Addr() == theirs })
		// A dial in the other direction finds the existing session.
		p, err := l.Dial(ctx, mapped(theirs).String(), d.PublicKey())
		require.NoError(t, err)
		require.Same(t, peerOf(t, ctx, l, peer), p)
		dials++
		require.NoError(t, d.Close())
	}
	require.Equal(t, 2, l.Stats().Peers)
	require.Zero(t, l.Stats().Roams)
	return dials
}

// zonedDials dials addresses with zones, by the name and by the number of the
// interface. Only a link-local address keeps its zone, in the form of the name.
func zonedDials(t *testing.T) (dials int) {
	ctx := loopback.Context(t)
	interfaces, err := net.Interfaces()
	require.NoError(t, err)
	for _, i := range interfaces {
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil || i.Flags&net.FlagUp == 0 || !prefix.Addr().Is6() {
				continue
			}
			ip := prefix.Addr()
			named, numbered := ip.WithZone(i.Name), ip.WithZone(strconv.Itoa(i.Index))
			want := ip
			if ip.IsLinkLocalUnicast() {
				want = named
			}
			l := loopback.ListenOn(t, netip.AddrPortFrom(want, 0).String(), intentra.Config{})
			require.Equal(t, want, l.LocalAddr().Addr())
			d := loopback.ListenOn(t, "[::]:0", intentra.Config{})
			for _, target := range []netip.Addr{named, numbered} {
				p, err := d.Dial(ctx, netip.AddrPortFrom(target, l.LocalAddr().Port()).String(), l.PublicKey())
				require.NoError(t, err, "dialling %v", target)
				require.Equal(t, netip.AddrPortFrom(want, l.LocalAddr().Port()), p.Addr())
				stream(t, ctx, p, 10, peerOf(t, ctx, l, p).Receive)
				require.NoError(t, p.Close())
				loopback.Eventually(t, ctx, "it is closed", func() bool { return l.Stats().Sessions == 0 && d.Stats().Sessions == 0 })
				dials++
			}
			require.Equal(t, 1, l.Stats().Peers)
			require.NoError(t, d.Close())
			require.NoError(t, l.Close())
		}
	}
	return dials
}
