package threat

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/wire"
)

// spoofer sends first messages from addresses at which it cannot receive. Half
// have no cookie, half a wrong one; half come from IPv4 addresses, half from IPv6.
type spoofer struct {
	s      *scene
	random *rand.Rand
	sent   int
}

func (f *spoofer) send(n int) {
	for range n {
		b := wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 1 + f.random.Uint32N(1<<31)})
		b = append(b, make([]byte, wire.InitSize-wire.HeaderSize)...)
		binary.BigEndian.PutUint64(b[wire.HeaderSize:], f.random.Uint64())
		if f.sent%2 == 0 {
			binary.BigEndian.PutUint64(wire.InitCookie(b), f.random.Uint64())
		}
		f.s.Inject(f.address(), f.s.hub.Addr(), b, time.Duration(f.random.Int64N(int64(time.Millisecond))))
		f.sent++
	}
}

func (f *spoofer) address() netip.AddrPort {
	port := uint16(f.random.Uint32())
	if f.sent%4 < 2 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 11<<24|f.random.Uint32N(1<<24)))), port)
	}
	return netip.AddrPortFrom(v6(f.random.Uint64(), f.random.Uint64()).Addr(), port)
}

// 10^6 first messages from spoofed addresses, at 200,000/s, begin no handshake.
// After the first tenth of them the heap no longer grows.
func TestThreat03SpoofedFirstMessages(t *testing.T) {
	const floodHeap = 64 << 10 // allowance for the runtime and the test itself
	total := size(1_000_000)
	perTick := max(total/int(honestTime/time.Millisecond), 1)
	var f *spoofer
	var before, after int64
	s, baseline, attacked := underAttack(t, 3, func(s *scene) {
		f = &spoofer{s: s, random: rand.New(rand.NewPCG(s.Seed(), 3))}
		// Allocate the test's own memory before the flood.
		s.seen = make(map[honest]bool, 1<<14)
		stop := s.Every(time.Millisecond, func() { f.send(perTick) })
		s.After(honestTime/10, func() { before = heap() })
		s.After(honestTime-time.Millisecond, func() { after = heap() })
		s.After(honestTime, stop)
	})
	stats := s.hub.Stats()
	require.Less(t, after-before, int64(floodHeap))
	require.EqualValues(t, len(s.peers), stats.Handshakes[conn.HandshakeStarted], "only honest handshakes begin")
	require.Zero(t, stats.HandshakesInFlight)
	require.Equal(t, len(s.peers), stats.Peers)
	require.Equal(t, len(s.peers), stats.Sessions)
	limit := 10_000*honestTime.Seconds() + 1_000
	require.LessOrEqual(t, float64(stats.CookiesSent), limit)
	challenged := stats.CookiesSent - uint64(len(s.peers))
	dropped := s.hub.Drops("cookie", "")
	require.EqualValues(t, f.sent, challenged+dropped, "each first message is challenged, or dropped and counted")
	require.Equal(t, dropped, s.hub.Drops("cookie", "reply_budget")+s.hub.Drops("cookie", "reply_share"))
	require.Equal(t, baseline, attacked)
	report(t, 3, "%d spoofed first messages at %d/s: heap %+d B, handshakes begun 0, challenges %d, cookie/reply_budget %d, cookie/reply_share %d; honest delivery %s without, %s with",
		f.sent, 1000*perTick, after-before, challenged, s.hub.Drops("cookie", "reply_budget"), s.hub.Drops("cookie", "reply_share"),
		percent(baseline), percent(attacked))
}

// heap returns the bytes of heap in use after a garbage collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
