package conn

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// What a flood may cost, all told: what the runtime itself allocates meanwhile.
const (
	floodHeap    = 64 << 10 // bytes of the heap, after collection
	floodMallocs = 200      // of all goroutines of the test
)

// Threat 3: 10^7 first messages from spoofed addresses, a million in a second,
// leave the heap as it was after the first 10^5 of each kind. None is allocated
// for, none begins a handshake, and the replies are within their budget and no
// larger than what they answer. With -short or the race detector there are 10^5
// in all.
func TestFloodOfFirstMessages(t *testing.T) {
	warm, all := 100_000, 10_000_000
	if testing.Short() || raceDetector {
		warm, all = 10_000, 100_000
	}
	for name, address := range map[string]func(*rand.PCG) netip.AddrPort{
		"random IPv4": func(r *rand.PCG) netip.AddrPort {
			var ip [4]byte
			binary.BigEndian.PutUint32(ip[:], uint32(r.Uint64()))
			return netip.AddrPortFrom(netip.AddrFrom4(ip), uint16(r.Uint64()))
		},
		"random IPv6": func(r *rand.PCG) netip.AddrPort {
			var ip [16]byte
			binary.BigEndian.PutUint64(ip[:], r.Uint64())
			binary.BigEndian.PutUint64(ip[8:], r.Uint64())
			return netip.AddrPortFrom(netip.AddrFrom16(ip), uint16(r.Uint64()))
		},
		"one IPv6 /64": func(r *rand.PCG) netip.AddrPort {
			ip := [16]byte{0x20, 0x01, 0x0d, 0xb8}
			binary.BigEndian.PutUint64(ip[8:], r.Uint64())
			return netip.AddrPortFrom(netip.AddrFrom16(ip), uint16(r.Uint64()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newNetwork(t, 1)
			b := w.node()
			f := &spoofer{to: b.ep, rng: rand.NewPCG(1, 2), address: address, now: w.now}
			f.init = wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 7})
			f.init = append(f.init, make([]byte, wire.InitSize-wire.HeaderSize)...)

			f.send(warm)
			heap, mallocs := heapInUse(), mallocsSoFar()
			f.send(all/3 - warm)
			mallocs = mallocsSoFar() - mallocs
			heap = heapInUse() - heap

			t.Logf("%d datagrams, %d replies; heap %+d B, %d mallocs", f.sent, f.replies, heap, mallocs)
			require.LessOrEqual(t, heap, floodHeap)
			require.LessOrEqual(t, mallocs, uint64(floodMallocs))

			e := b.ep
			require.Zero(t, e.halves.len())
			require.Zero(t, e.epochIDs.next, "no receiver index")
			require.Zero(t, e.peerIDs.next)
			require.Empty(t, e.jobs, "no public-key work")
			require.Empty(t, e.timers)
			require.Empty(t, e.events)
			require.Zero(t, e.Stats().Handshakes[HandshakeStarted])
			took := time.Duration(f.now - w.now)
			most := cookie.DefaultRepliesPerSecond*took.Seconds() + cookie.DefaultRepliesPerSecond/10
			require.LessOrEqual(t, float64(f.replies), most)
			require.NotZero(t, f.replies)
			require.LessOrEqual(t, f.largest, wire.InitSize, "no amplification")
			require.EqualValues(t, f.replies, e.Stats().CookiesSent)
			in := e.in
			in.Publish()
			require.EqualValues(t, f.sent, in.Counts().Packets.In)
			runtime.KeepAlive(w)
		})
	}
}

// spoofer sends first messages that it will see no answer to: half of them
// without a cookie, half with a wrong one. It allocates nothing itself.
type spoofer struct {
	to      *Endpoint
	rng     *rand.PCG
	address func(*rand.PCG) netip.AddrPort
	now     pipeline.Time
	init    []byte
	data    [wire.InitSize]byte

	sent, replies int
	largest       int // bytes in reply to one datagram
}

func (f *spoofer) send(n int) {
	for range n {
		copy(f.data[:], f.init)
		binary.LittleEndian.PutUint64(f.data[wire.HeaderSize:], f.rng.Uint64())
		if f.sent%2 == 1 {
			binary.LittleEndian.PutUint64(wire.InitCookie(f.data[:]), f.rng.Uint64())
		}
		f.sent++
		f.now = later(f.now, time.Microsecond)
		f.to.HandleDatagram(f.data[:], f.address(f.rng), f.now)
		out := 0
		for _, d := range f.to.Outgoing() {
			out += len(d.Data)
			f.replies++
		}
		f.largest = max(f.largest, out)
	}
}

// mallocsSoFar returns how many objects have ever been allocated.
func mallocsSoFar() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
