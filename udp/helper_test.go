package udp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

var (
	loopback4 = netip.MustParseAddrPort("127.0.0.1:0")
	loopback6 = netip.MustParseAddrPort("[::1]:0")
	dualStack = netip.MustParseAddrPort("[::]:0")
)

// eachSocket runs test against both implementations. The native one is also run without
// each of the features that a kernel may not have.
func eachSocket(t *testing.T, test func(t *testing.T, cfg Config)) {
	t.Run("native", func(t *testing.T) { test(t, Config{}) })
	t.Run("no_gso", func(t *testing.T) { test(t, Config{DisableGSO: true}) })
	t.Run("no_gro", func(t *testing.T) { test(t, Config{DisableGRO: true}) })
	t.Run("no_offload", func(t *testing.T) { test(t, Config{DisableGSO: true, DisableGRO: true}) })
	t.Run("portable", func(t *testing.T) { test(t, Config{Portable: true}) })
}

// listen opens a socket until the end of the test. A machine under load may not run the test
// for longer than the default of MaxQueueDelay, and then datagrams would be lost.
func listen(t *testing.T, addr netip.AddrPort, cfg Config) *Conn {
	t.Helper()
	if cfg.MaxQueueDelay == 0 {
		cfg.MaxQueueDelay = time.Hour
	}
	c, err := Listen(addr, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// at returns c's port on addr.
func at(c *Conn, addr netip.Addr) netip.AddrPort {
	return netip.AddrPortFrom(addr, c.LocalAddr().Port())
}

// closedPort returns a loopback address on which no socket listens.
func closedPort(t *testing.T) netip.AddrPort {
	t.Helper()
	c, err := Listen(loopback4, Config{})
	require.NoError(t, err)
	require.NoError(t, c.Close())
	return c.LocalAddr()
}

// receive returns copies of the next n datagrams. If one of them is lost, it does not
// return.
func receive(t *testing.T, c *Conn, n int) (out []wire.Datagram) {
	t.Helper()
	dst := make([]wire.Datagram, 7)
	for len(out) < n {
		got, err := c.ReadBatch(dst[:min(len(dst), n-len(out))])
		require.NoError(t, err)
		for _, d := range dst[:got] {
			out = append(out, wire.Datagram{Data: append([]byte{}, d.Data...), Addr: d.Addr, Local: d.Local})
		}
	}
	return out
}

// requireEmpty checks that c has no datagram to read.
func requireEmpty(t *testing.T, c *Conn) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(longAgo))
	n, err := c.ReadBatch(make([]wire.Datagram, 1))
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, c.SetReadDeadline(time.Time{}))
}

// send sends src and checks that every datagram is either sent or counted.
func send(t *testing.T, c *Conn, src ...wire.Datagram) (n int) {
	t.Helper()
	before := c.Stats()
	n, err := c.WriteBatch(src)
	require.NoError(t, err)
	after := c.Stats()
	require.EqualValues(t, n, after.Sent-before.Sent)
	require.EqualValues(t, len(src)-n, after.WriteLoss.Total()-before.WriteLoss.Total())
	return n
}

func to(addr netip.AddrPort, data string) wire.Datagram {
	return wire.Datagram{Data: []byte(data), Addr: addr}
}

// losses returns a Losses with the given counts and zero for all other reasons.
func losses(counts map[Loss]uint64) (l Losses) {
	for reason, n := range counts {
		l[reason] = n
	}
	return l
}
