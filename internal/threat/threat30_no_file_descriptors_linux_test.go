package threat

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/wire"
)

// descriptorHolder holds all file descriptors that the process may open.
type descriptorHolder struct {
	files []*os.File
	limit syscall.Rlimit
}

// holdAllDescriptors lowers the limit to a few more descriptors than are open, and
// opens the rest.
func holdAllDescriptors(t testing.TB) *descriptorHolder {
	g := new(descriptorHolder)
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &g.limit))
	lower := g.limit
	lower.Cur = uint64(descriptors(t) + 20)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lower))
	t.Cleanup(func() { g.end(t) })
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			require.ErrorIs(t, err, syscall.EMFILE)
			return g
		}
		g.files = append(g.files, f)
	}
}

func (g *descriptorHolder) end(t testing.TB) {
	for _, f := range g.files {
		_ = f.Close()
	}
	g.files = nil
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &g.limit))
}

// descriptors returns the number of open file descriptors.
func descriptors(t testing.TB) int {
	all, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(all) - 1 // without that of the directory itself
}

// Without free descriptors a transport still serves its peers, accepts and makes
// connections, reconnects and rekeys, because a peer needs no descriptor. Only
// opening another transport fails.
func TestThreat30NoFileDescriptors(t *testing.T) {
	ctx := loopback.Context(t)
	n := 100
	if testing.Short() {
		n /= 10
	}
	l := loopback.Listen(t, intentra.Config{RekeyAfterPackets: 16, MaxHandshakesPerAddress: n})
	gateway := loopback.Listen(t, intentra.Config{RekeyAfterPackets: 16})
	first, err := gateway.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
	require.NoError(t, err)
	known := peerOf(t, ctx, l, first)
	baseline := stream(t, ctx, first, n, known.Receive)
	before := descriptors(t)

	g := holdAllDescriptors(t)
	_, err = os.Open(os.DevNull)
	require.ErrorIs(t, err, syscall.EMFILE)
	rekeys := l.Stats().Rekeys
	honest := stream(t, ctx, first, n, known.Receive)
	for range n {
		p, err := gateway.DialAs(ctx, loopback.Key(t), l.LocalAddr().String(), l.PublicKey())
		require.NoError(t, err)
		honest += stream(t, ctx, p, 1, peerOf(t, ctx, l, p).Receive)
	}
	// The peer loses its session and reconnects.
	require.NoError(t, known.CloseWith(wire.CloseShutdown))
	honest += stream(t, ctx, first, n, known.Receive)
	require.Greater(t, l.Stats().Rekeys, rekeys)
	require.Equal(t, n+1, l.Stats().Sessions)
	_, err = intentra.Listen("127.0.0.1:0", intentra.Config{Key: loopback.Key(t)})
	require.ErrorIs(t, err, syscall.EMFILE)
	honest += stream(t, ctx, first, n, known.Receive)
	taken := len(g.files)
	g.end(t)
	for range 3 { // descriptors are free again
		p, err := gateway.DialAs(ctx, loopback.Key(t), l.LocalAddr().String(), l.PublicKey())
		require.NoError(t, err)
		stream(t, ctx, p, 1, peerOf(t, ctx, l, p).Receive)
	}
	require.Equal(t, before, descriptors(t), "a peer holds a descriptor")
	report(t, 30, "all descriptors taken (%d by the adversary): %d peers connected, %d rekeys, 1 reconnect during that time, descriptors of theirs 0, another Listen fails with EMFILE; honest Reliable delivery %s without, %s with",
		taken, n, l.Stats().Rekeys-rekeys, percent(float64(baseline)/float64(n)), percent(float64(honest)/float64(4*n)))
}
