package udp

import (
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// needLocalAddresses skips where the system does not tell local addresses.
func needLocalAddresses(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a loopback network with several addresses, as Linux has: 127.0.0.0/8")
	}
}

// A socket bound to a wildcard learns which of its addresses a datagram was
// sent to, and answers from there: a peer that dialled 127.0.0.2 must not get
// answers from 127.0.0.1.
func TestAnswersFromTheAddressDialled(t *testing.T) {
	needLocalAddresses(t)
	locals := []netip.Addr{
		netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.1.2.3"),
	}
	eachSocket(t, func(t *testing.T, cfg Config) {
		for _, wildcard := range []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:0"), dualStack} {
			server, client := listen(t, wildcard, cfg), listen(t, wildcard, cfg)
			for _, local := range locals {
				send(t, client, wire.Datagram{Data: []byte("question"), Addr: at(server, local)})
				question := receive(t, server, 1)[0]
				require.Equal(t, local, question.Local)
				send(t, server, wire.Datagram{Data: []byte("answer"), Addr: question.Addr, Local: question.Local})
				require.Equal(t, at(server, local), receive(t, client, 1)[0].Addr)
			}
		}
	})
}

// A batch of datagrams of one length to one remote address from alternating
// local ones is never joined across them, with segmentation or without.
func TestSourcesInOneBatch(t *testing.T) {
	needLocalAddresses(t)
	eachSocket(t, func(t *testing.T, cfg Config) {
		server, client := listen(t, dualStack, cfg), listen(t, loopback4, cfg)
		var src []wire.Datagram
		var want []netip.AddrPort
		for i := range 60 {
			local := netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + i/7%3)})
			src = append(src, wire.Datagram{Data: []byte{byte(i)}, Addr: client.LocalAddr(), Local: local})
			want = append(want, at(server, local))
		}
		require.Equal(t, len(src), send(t, server, src...))
		for i, d := range receive(t, client, len(src)) {
			require.Equal(t, []byte{byte(i)}, d.Data)
			require.Equal(t, want[i], d.Addr)
		}
	})
}

// A socket that is bound to one address reports none and needs none.
func TestNoLocalAddressOfABoundSocket(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		c := listen(t, loopback4, cfg)
		send(t, c, to(c.LocalAddr(), "x"))
		require.Equal(t, netip.Addr{}, receive(t, c, 1)[0].Local)
	})
}

// A source address that this host does not have, or no longer has, costs no
// datagram: the system chooses another, and the incident is counted.
func TestSourceAddressGone(t *testing.T) {
	needLocalAddresses(t)
	eachSocket(t, func(t *testing.T, cfg Config) {
		server, client := listen(t, dualStack, cfg), listen(t, loopback4, cfg)
		offload := server.Offload()
		var src []wire.Datagram
		for range 20 {
			src = append(src, wire.Datagram{Data: []byte("x"), Addr: client.LocalAddr(), Local: netip.MustParseAddr("192.0.2.1")})
		}
		require.Equal(t, len(src), send(t, server, src...))
		receive(t, client, len(src))
		s := server.Stats()
		require.EqualValues(t, len(src), s.Reported[LossAddress])
		require.Zero(t, s.WriteLoss.Total())
		require.Equal(t, offload, server.Offload(), "segmentation is not to blame for the address")
	})
}

// Local addresses cost no allocation.
func TestSourceDoesNotAllocate(t *testing.T) {
	needLocalAddresses(t)
	eachSocket(t, func(t *testing.T, cfg Config) {
		server, client := listen(t, dualStack, cfg), listen(t, loopback4, cfg)
		question := []wire.Datagram{{Data: []byte("question"), Addr: at(server, netip.MustParseAddr("127.0.0.2"))}}
		dst := make([]wire.Datagram, 4)
		one := func(c *Conn) {
			for n := 0; n == 0; {
				var err error
				if n, err = c.ReadBatch(dst); err != nil {
					t.Fatal(err)
				}
			}
		}
		require.Zero(t, testing.AllocsPerRun(100, func() {
			_, _ = client.WriteBatch(question)
			one(server)
			_, _ = server.WriteBatch(dst[:1])
			one(client)
		}))
	})
}
