package udp

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// A datagram that does not fit is dropped and counted, and the next one that fits is
// returned.
func TestTruncated(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		cfg.MaxDatagram = 100
		a, b := listen(t, loopback4, cfg), listen(t, loopback4, cfg)
		long := strings.Repeat("x", 101)
		longest := strings.Repeat("y", 65507)
		fits := strings.Repeat("z", 100)
		dst := b.LocalAddr()
		require.Equal(t, 5, send(t, a, to(dst, long), to(dst, "1"), to(dst, longest), to(dst, long), to(dst, fits)))
		got := receive(t, b, 2)
		require.Equal(t, "1", string(got[0].Data))
		require.Equal(t, fits, string(got[1].Data))
		s := b.Stats()
		require.Equal(t, losses(map[Loss]uint64{LossTruncated: 3}), s.ReadLoss)
		require.EqualValues(t, 2, s.Received)
	})
}

// ReadBatch returns even if it dropped all datagrams of a batch because they did not
// fit.
func TestTruncatedReturns(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		cfg.MaxDatagram = 1
		c := listen(t, loopback4, cfg)
		send(t, c, to(c.LocalAddr(), "xx"))
		n, err := c.ReadBatch(make([]wire.Datagram, 1))
		require.NoError(t, err)
		require.Zero(t, n)
		require.EqualValues(t, 1, c.Stats().ReadLoss[LossTruncated])
	})
}

// Datagrams of a batch that cannot be sent are counted, and the others are sent.
func TestUnsendable(t *testing.T) {
	for _, tt := range []struct {
		name   string
		local  netip.AddrPort
		addr   string
		size   int
		reason Loss
	}{
		{"no address", loopback4, "", 1, LossAddress},
		{"port 0", loopback4, "127.0.0.1:0", 1, LossAddress},
		{"IPv6 on IPv4", loopback4, "[::1]:9", 1, LossAddress},
		{"multicast 4", loopback4, "224.0.0.1:9", 1, LossAddress},
		{"multicast 6", loopback6, "[ff02::1]:9", 1, LossAddress},
		{"mapped multicast", dualStack, "[::ffff:224.0.0.1]:9", 1, LossAddress},
		{"unknown zone", dualStack, "[fe80::1%none0]:9", 1, LossAddress},
		{"too large", loopback4, "127.0.0.1:9", 65508, LossTooLarge},
		{"too large 6", loopback6, "[::1]:9", 70000, LossTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachSocket(t, func(t *testing.T, cfg Config) {
				if cfg.Portable && tt.name == "unknown zone" {
					t.Skip("package net ignores an unknown zone")
				}
				c := listen(t, tt.local, cfg)
				self := at(c, map[bool]netip.Addr{true: loopback4.Addr(), false: loopback6.Addr()}[tt.local == loopback4])
				bad := wire.Datagram{Data: make([]byte, tt.size)}
				if tt.addr != "" {
					bad.Addr = netip.MustParseAddrPort(tt.addr)
				}
				require.Equal(t, 3, send(t, c, bad, to(self, "1"), bad, bad, to(self, "2"), to(self, "3"), bad))
				require.Equal(t, losses(map[Loss]uint64{tt.reason: 4}), c.Stats().WriteLoss)
				for i, d := range receive(t, c, 3) {
					require.Equal(t, string("123"[i]), string(d.Data))
				}
			})
		})
	}
}

// Datagrams to a closed port do not affect the others of the batch, nor later batches
// and reads.
func TestClosedPort(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		a, b := listen(t, loopback4, cfg), listen(t, loopback4, cfg)
		dead := closedPort(t)
		for range 3 {
			send(t, a, to(dead, "x"), to(b.LocalAddr(), "1"), to(dead, "x"), to(b.LocalAddr(), "2"))
			got := receive(t, b, 2)
			require.Equal(t, "1", string(got[0].Data))
			require.Equal(t, "2", string(got[1].Data))
			send(t, b, to(a.LocalAddr(), "answer"))
			require.Equal(t, "answer", string(receive(t, a, 1)[0].Data))
		}
	})
}

// Every reason has a name of its own.
func TestLossNames(t *testing.T) {
	seen := map[string]bool{}
	for l := range Loss(numLoss) {
		require.NotEmpty(t, l.String())
		require.False(t, seen[l.String()])
		seen[l.String()] = true
	}
	require.Equal(t, "invalid", Loss(numLoss).String())
	require.Equal(t, LossOther, lossOf(syscall.EIO))
}
