package udp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// Every datagram arrives as it was sent, in order, whatever its size and whatever the
// sizes of the batches at both ends.
func TestRoundTrip(t *testing.T) {
	const max = 2048
	for _, addr := range []netip.AddrPort{loopback4, loopback6} {
		eachSocket(t, func(t *testing.T, cfg Config) {
			seed := uint64(time.Now().UnixNano())
			t.Log("seed", seed)
			rng := rand.New(rand.NewPCG(seed, 0))

			cfg.Batch = 16
			a, b := listen(t, addr, cfg), listen(t, addr, cfg)
			sizes := []int{0, 1, 2, max - 1, max, 0, max}
			for len(sizes) < 100 {
				sizes = append(sizes, rng.IntN(max+1))
			}
			var src []wire.Datagram
			bytes := 0
			for i, size := range sizes {
				d := wire.Datagram{Data: make([]byte, size), Addr: b.LocalAddr()}
				for j := range d.Data {
					d.Data[j] = byte(i + j)
				}
				src = append(src, d)
				bytes += size
			}
			for rest := src; len(rest) > 0; {
				n := min(len(rest), 1+rng.IntN(40))
				require.Equal(t, n, send(t, a, rest[:n]...))
				for i, d := range receive(t, b, n) {
					require.Equal(t, a.LocalAddr(), d.Addr)
					require.Equal(t, rest[i].Data, d.Data)
				}
				rest = rest[n:]
			}
			require.EqualValues(t, bytes, a.Stats().SentBytes)
			require.EqualValues(t, bytes, b.Stats().ReceivedBytes)
			require.EqualValues(t, len(src), b.Stats().Received)
			require.Zero(t, b.Stats().ReadLoss)
			requireEmpty(t, b)
		})
	}
}

// Received datagrams of one batch do not overlap: the caller may overwrite one, and append
// to it, without changing the others.
func TestDatagramsDoNotOverlap(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		cfg.MaxDatagram = 4
		a, b := listen(t, loopback4, cfg), listen(t, loopback4, cfg)
		send(t, a, to(b.LocalAddr(), "aaaa"), to(b.LocalAddr(), "b"), to(b.LocalAddr(), "cccc"))
		dst := make([]wire.Datagram, 3)
		n, err := b.ReadBatch(dst)
		require.NoError(t, err)
		for i, d := range dst[:n] {
			require.Equal(t, []string{"aaaa", "b", "cccc"}[i], string(d.Data))
			_ = append(d.Data, "xxxxxxxx"...)
			clear(d.Data)
		}
	})
}

// Datagrams of one batch may have different destinations.
func TestManyDestinations(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		cfg.Batch = 4
		a := listen(t, loopback4, cfg)
		var peers []*Conn
		for range 3 {
			peers = append(peers, listen(t, loopback4, cfg))
		}
		var src []wire.Datagram
		for i := range 30 {
			src = append(src, to(peers[i%3].LocalAddr(), fmt.Sprint(i)))
		}
		require.Equal(t, len(src), send(t, a, src...))
		for p, peer := range peers {
			for i, d := range receive(t, peer, 10) {
				require.Equal(t, fmt.Sprint(3*i+p), string(d.Data))
			}
			requireEmpty(t, peer)
		}
	})
}

// On a dual-stack socket an IPv4 peer is received from, and sent to, under its IPv4
// address.
func TestDualStack(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		hub := listen(t, dualStack, cfg)
		v4, v6 := listen(t, loopback4, cfg), listen(t, loopback6, cfg)
		for _, peer := range []*Conn{v4, v6} {
			send(t, peer, to(at(hub, peer.LocalAddr().Addr()), "ping"))
			from := receive(t, hub, 1)[0].Addr
			require.Equal(t, peer.LocalAddr(), from)
		}
		mapped := netip.AddrPortFrom(netip.AddrFrom16(v4.LocalAddr().Addr().As16()), v4.LocalAddr().Port())
		require.Equal(t, 3, send(t, hub,
			to(v4.LocalAddr(), "pong"), to(v6.LocalAddr(), "pong"), to(mapped, "mapped")))
		require.Equal(t, "pong", string(receive(t, v4, 1)[0].Data))
		require.Equal(t, "mapped", string(receive(t, v4, 1)[0].Data))
		d := receive(t, v6, 1)[0]
		require.Equal(t, "pong", string(d.Data))
		require.Equal(t, at(hub, loopback6.Addr()), d.Addr)
	})
}

func TestListenAddress(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		for _, addr := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0", "[::ffff:127.0.0.1]:0"} {
			want := netip.MustParseAddrPort(addr).Addr().Unmap()
			c := listen(t, netip.MustParseAddrPort(addr), cfg)
			require.Equal(t, want, c.LocalAddr().Addr())
			require.NotZero(t, c.LocalAddr().Port())
		}
		require.NotZero(t, listen(t, netip.AddrPort{}, cfg).LocalAddr().Port())
	})
}

func TestListenPortInUse(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		c := listen(t, loopback4, cfg)
		_, err := Listen(c.LocalAddr(), cfg)
		require.ErrorIs(t, err, syscall.EADDRINUSE)
		require.ErrorContains(t, err, c.LocalAddr().String())
	})
}

func TestConfig(t *testing.T) {
	for _, cfg := range []Config{
		{Batch: -1}, {Batch: maxBatch + 1}, {ReadBuffer: -1}, {WriteBuffer: -1},
		{MaxDatagram: -1}, {MaxDatagram: wire.MaxDatagram + 1},
	} {
		_, err := Listen(loopback4, cfg)
		require.ErrorIs(t, err, ErrConfig)
	}
	eachSocket(t, func(t *testing.T, cfg Config) {
		cfg.ReadBuffer, cfg.WriteBuffer = 100_000, 80_000
		r, w := listen(t, loopback4, cfg).Granted()
		require.Equal(t, []int{100_000, 80_000}, []int{r, w})
	})
}

// All calls after Close fail with net.ErrClosed. TestCloseWhileBlocked tests those that
// Close interrupts.
func TestClosed(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		c := listen(t, loopback4, cfg)
		require.NoError(t, c.Close())
		_, err := c.ReadBatch(make([]wire.Datagram, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = c.WriteBatch([]wire.Datagram{to(c.LocalAddr(), "x")})
		require.ErrorIs(t, err, net.ErrClosed)
		require.ErrorIs(t, c.SetReadDeadline(time.Now()), net.ErrClosed)
		require.ErrorIs(t, c.Close(), net.ErrClosed)
		c.Wake()
		require.True(t, errors.Is(c.Close(), net.ErrClosed))
	})
}

// Reads and writes of the implementations fail once their socket is closed.
func TestImplementationsReportClose(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		c := listen(t, loopback4, cfg)
		require.NoError(t, c.sock.close())
		one := []wire.Datagram{to(c.LocalAddr(), "x")}
		for _, block := range []bool{true, false} {
			_, err := c.sock.read(one, block)
			require.Error(t, err)
		}
		_, err := c.sock.write(one, false)
		require.Error(t, err)
	})
}

// Poll returns what has arrived and does not wait.
func TestPoll(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		a, b := listen(t, loopback4, cfg), listen(t, loopback4, cfg)
		dst := make([]wire.Datagram, 4)
		n, err := b.Poll(dst)
		require.NoError(t, err)
		require.Zero(t, n)
		send(t, a, to(b.LocalAddr(), "x"))
		n, err = b.Poll(dst)
		require.NoError(t, err)
		if n == 0 && cfg.Portable { // allowed; the datagram is still in the queue
			n, err = b.ReadBatch(dst)
			require.NoError(t, err)
		}
		require.Equal(t, 1, n)
		require.Equal(t, "x", string(dst[0].Data))
		require.NoError(t, b.Close())
		_, err = b.Poll(dst)
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

// Each setting is accepted up to its limits, and not beyond.
func TestConfigLimits(t *testing.T) {
	for _, cfg := range []Config{
		{}, {DSCP: maxDSCP}, {BusyPoll: time.Second}, {BusyPoll: 1}, {Batch: 1}, {Batch: maxBatch}, {MaxDatagram: wire.MaxDatagram},
		{ReadBuffer: 1 << 30, WriteBuffer: 1 << 30},
	} {
		_, err := cfg.withDefaults()
		require.NoError(t, err, "%+v", cfg)
	}
	for _, cfg := range []Config{
		{DSCP: -1}, {DSCP: maxDSCP + 1}, {Priority: -1}, {BusyPoll: -1}, {BusyPoll: time.Second + 1}, {ReadBuffer: 1<<30 + 1}, {WriteBuffer: 1<<30 + 1},
	} {
		_, err := cfg.withDefaults()
		require.ErrorIs(t, err, ErrConfig, "%+v", cfg)
	}
	for given, want := range map[time.Duration]time.Duration{0: defaultMaxQueueDelay, 1: 1, time.Hour: time.Hour, -1: 0} {
		cfg, err := Config{MaxQueueDelay: given}.withDefaults()
		require.NoError(t, err)
		require.Equal(t, want, cfg.MaxQueueDelay)
	}
}
