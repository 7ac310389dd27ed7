package threat

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/udp"
	"github.com/intentra/intentra/wire"
)

// emptyFlood sends empty datagrams, as fast as its socket takes them.
type emptyFlood struct {
	sent atomic.Uint64
	stop atomic.Bool
	all  sync.WaitGroup
}

func newEmptyFlood(t testing.TB, target netip.AddrPort) *emptyFlood {
	h := new(emptyFlood)
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(target))
	require.NoError(t, err)
	h.all.Go(func() {
		defer c.Close()
		for !h.stop.Load() {
			if _, err := c.Write(nil); err == nil {
				h.sent.Add(1)
			}
		}
	})
	t.Cleanup(h.end)
	return h
}

func (h *emptyFlood) end() {
	h.stop.Store(true)
	h.all.Wait()
}

// endlessFlood is a flood that no reader gets ahead of: with each empty datagram
// that the transport takes in, another one is in its socket before it asks for
// more. So it never finds the socket empty.
type endlessFlood struct {
	socket atomic.Pointer[net.UDPConn] // from where; nil while there is no flood
	sent   atomic.Uint64
}

func (b *endlessFlood) Name() string         { return "endless_flood" }
func (b *endlessFlood) Reasons() []string    { return nil }
func (b *endlessFlood) ReadsPlaintext() bool { return false }

func (b *endlessFlood) Process(p *pipeline.Packet) pipeline.Verdict {
	if len(p.Data) == 0 {
		b.send()
	}
	return pipeline.Accept
}

func (b *endlessFlood) send() {
	if c := b.socket.Load(); c != nil {
		if _, err := c.Write(nil); err == nil {
			b.sent.Add(1)
		}
	}
}

// neverEmpty has a transport whose socket always has more empty datagrams serve
// its peer, and a dial that only its timers can end.
func neverEmpty(t *testing.T, ctx context.Context, n int) (sent uint64, honest int) {
	b := new(endlessFlood)
	l := loopback.Listen(t, intentra.Config{
		HandshakeTimeout: 500 * time.Millisecond,
		Stages:           func(s *stages.Set) error { s.InsertBefore("cookie", b); return nil },
	})
	p := loopback.Dial(t, l, intentra.Config{})
	back := peerOf(t, ctx, l, p)
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(l.LocalAddr()))
	require.NoError(t, err)
	defer c.Close()
	b.socket.Store(c)
	defer b.socket.Store(nil)
	for range 256 { // more than a turn of the loop takes in
		b.send()
	}
	honest = stream(t, ctx, p, n, back.Receive)
	honest += stream(t, ctx, back, n, p.Receive)
	dialSilence(t, ctx, l)
	require.Equal(t, 1, l.Stats().Sessions)
	return b.sent.Load(), honest
}

// dialSilence dials where nobody answers, which only a timer can end.
func dialSilence(t *testing.T, ctx context.Context, l *intentra.Transport) {
	silent, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	require.NoError(t, err)
	defer silent.Close()
	_, err = l.Dial(ctx, silent.LocalAddr().String(), loopback.Key(t).Public())
	require.ErrorIs(t, err, intentra.ErrNoAnswer)
}

// Under a flood of empty datagrams a transport's timers run, what it sends and
// receives gets through, and each of them is counted. They use up a batch like
// others, so a batch of them ends, and so does a turn of the loop though there
// are always more.
func TestThreat27EmptyDatagrams(t *testing.T) {
	ctx := loopback.Context(t)
	n := 500
	if testing.Short() {
		n /= 10
	}
	cfg := intentra.Config{HandshakeTimeout: 500 * time.Millisecond}
	l := loopback.Listen(t, cfg)
	p := loopback.Dial(t, l, intentra.Config{})
	back := peerOf(t, ctx, l, p)
	baseline := stream(t, ctx, p, n, back.Receive)

	h := newEmptyFlood(t, l.LocalAddr())
	loopback.Eventually(t, ctx, "the flood is there", func() bool { return dropped(l, "header", "short") > 1000 })
	honest := stream(t, ctx, p, n, back.Receive)
	honest += stream(t, ctx, back, n, p.Receive)
	dialSilence(t, ctx, l)
	h.end()

	// None has vanished: it was dropped for its length, for being one too many from
	// its address, by the kernel, or as too old. The kernel tells what it has dropped with what comes next.
	sent := h.sent.Load()
	var short, rate, kernel, stale uint64
	loopback.Eventually(t, ctx, "all are accounted for", func() bool {
		require.NoError(t, p.SendWait(ctx, intentra.Message{Intent: intentra.Realtime}))
		s := l.Stats()
		short, rate = dropped(l, "header", "short"), dropped(l, "ratelimit", "address_rate")
		kernel, stale = s.Socket.Overflowed, s.Socket.ReadLoss.Total()
		return short+rate+kernel+stale >= sent || runtime.GOOS != "linux" // where the kernel does not tell
	})
	require.LessOrEqual(t, short+rate, sent)
	require.NotZero(t, short)
	require.Equal(t, 1, l.Stats().Sessions)
	batches(t)
	endless, more := neverEmpty(t, ctx, n/5)
	honest += more
	report(t, 27, "%d empty datagrams: header/short %d, ratelimit/address_rate %d, dropped by the kernel (overflowed) %d, stale %d; %d more to a socket that is never empty; dials into the void timed out meanwhile; honest Reliable delivery %s without, %s with",
		sent, short, rate, kernel, stale, endless, percent(float64(baseline)/float64(n)), percent(float64(honest)/float64(2*n+2*(n/5))))
}

// batches checks that empty datagrams count towards a batch: a read returns them
// and no more than it has room for.
func batches(t *testing.T) {
	for _, portable := range []bool{false, true} {
		c, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), udp.Config{Portable: portable})
		require.NoError(t, err)
		defer c.Close()
		const batch, rounds = 4, 8
		sent, err := c.WriteBatch(empties(c.LocalAddr(), batch*rounds))
		require.NoError(t, err)
		require.Equal(t, batch*rounds, sent)
		got, reads, dst := 0, 0, make([]wire.Datagram, batch)
		for got < batch*rounds {
			n, err := c.ReadBatch(dst)
			require.NoError(t, err)
			require.NotZero(t, n, "an empty datagram is not nothing")
			for _, d := range dst[:n] {
				require.Empty(t, d.Data)
				require.Equal(t, c.LocalAddr(), d.Addr)
			}
			got += n
			reads++
		}
		require.GreaterOrEqual(t, reads, rounds)
		require.EqualValues(t, batch*rounds, c.Stats().Received)
		require.Zero(t, c.Stats().ReceivedBytes)
	}
}

func empties(to netip.AddrPort, n int) []wire.Datagram {
	all := make([]wire.Datagram, n)
	for i := range all {
		all[i].Addr = to
	}
	return all
}
