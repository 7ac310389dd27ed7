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

// emptyFlood sends empty datagrams as fast as its socket permits.
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

// endlessFlood is a stage that keeps the transport's socket from ever being empty:
// for each empty datagram that the transport processes, it sends another one.
type endlessFlood struct {
	socket atomic.Pointer[net.UDPConn] // nil while there is no flood
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

// neverEmpty requires that a transport whose socket is never empty serves its peer,
// and that its timers end a dial without an answer.
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
	for range 256 { // more than the loop reads in a turn
		b.send()
	}
	honest = stream(t, ctx, p, n, back.Receive)
	honest += stream(t, ctx, back, n, p.Receive)
	dialSilence(t, ctx, l)
	require.Equal(t, 1, l.Stats().Sessions)
	return b.sent.Load(), honest
}

// dialSilence dials an address that does not answer. Only a timer can end that.
func dialSilence(t *testing.T, ctx context.Context, l *intentra.Transport) {
	silent, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	require.NoError(t, err)
	defer silent.Close()
	_, err = l.Dial(ctx, silent.LocalAddr().String(), loopback.Key(t).Public())
	require.ErrorIs(t, err, intentra.ErrNoAnswer)
}

// Under a flood of empty datagrams a transport's timers run, its messages get
// through, and each empty datagram is counted. Empty datagrams count towards the
// size of a batch, so that batches and turns of the loop end although more arrive
// all the time.
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

	// Each empty datagram was dropped for its length, by the rate limit for its
	// address, by the kernel, or as stale. The kernel reports its drops with the next
	// datagram.
	sent := h.sent.Load()
	var short, rate, kernel, stale uint64
	loopback.Eventually(t, ctx, "all are accounted for", func() bool {
		require.NoError(t, p.SendWait(ctx, intentra.Message{Intent: intentra.Realtime}))
		s := l.Stats()
		short, rate = dropped(l, "header", "short"), dropped(l, "ratelimit", "address_rate")
		kernel, stale = s.Socket.Overflowed, s.Socket.ReadLoss.Total()
		return short+rate+kernel+stale >= sent || runtime.GOOS != "linux" // other kernels do not report drops
	})
	require.LessOrEqual(t, short+rate, sent)
	require.NotZero(t, short)
	require.Equal(t, 1, l.Stats().Sessions)
	batches(t)
	endless, more := neverEmpty(t, ctx, n/5)
	honest += more
	report(t, 27, "%d empty datagrams: header/short %d, ratelimit/address_rate %d, dropped by the kernel (overflowed) %d, stale %d; %d more to a socket that is never empty; unanswered dials timed out at the same time; honest Reliable delivery %s without, %s with",
		sent, short, rate, kernel, stale, endless, percent(float64(baseline)/float64(n)), percent(float64(honest)/float64(2*n+2*(n/5))))
}

// batches checks that empty datagrams count towards the size of a batch: a read
// returns them, and no more than fit.
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
			require.NotZero(t, n, "ReadBatch returned no datagram")
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
