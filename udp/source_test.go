package udp

import (
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// needLocalAddresses skips the test unless the loopback interface has several addresses.
func needLocalAddresses(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs several loopback addresses; only Linux has 127.0.0.0/8")
	}
}

// A socket that is bound to a wildcard reports to which of its addresses a datagram was
// sent, and can answer from it: a peer that dialled 127.0.0.2 must not get answers from
// 127.0.0.1.
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

// Datagrams of one length to one address are never joined into a run if their source
// addresses differ.
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

// A socket that is bound to one address reports no local address.
func TestNoLocalAddressOfABoundSocket(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		c := listen(t, loopback4, cfg)
		send(t, c, to(c.LocalAddr(), "x"))
		require.Equal(t, netip.Addr{}, receive(t, c, 1)[0].Local)
	})
}

// A datagram with a source address that this host does not have is not lost: the system
// chooses another address, and the error is counted as reported.
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
		require.Equal(t, offload, server.Offload(), "GSO must not be disabled: the address is the cause")
	})
}

// Reading and setting local addresses does not allocate.
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
