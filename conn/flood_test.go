package conn

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// What a flood may cost in all: the allocations of the runtime itself.
const (
	floodHeap    = 64 << 10 // bytes of the heap, after collection
	floodMallocs = 200      // of all goroutines of the test
)

// Threat 3: 10^7 first messages from spoofed addresses, a million in a second,
// leave the heap as it was after the first 10^5 of each kind. None allocates or
// begins a handshake, and the replies stay within their budget and are no larger
// than what they answer. With -short or the race detector there are 10^5 in all.
func TestFloodOfFirstMessages(t *testing.T) {
	warm, all := 100_000, 10_000_000
	if testing.Short() || race.Enabled {
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
			e := newEndpoint(t)
			f := &spoofer{to: e, rng: rand.NewPCG(1, 2), address: address, now: testStart, init: initWithLowOrderKey()}

			f.send(warm)
			heap, mallocs := HeapInUse(), mallocsSoFar()
			f.send(all/3 - warm)
			mallocs = mallocsSoFar() - mallocs
			heap = HeapInUse() - heap

			t.Logf("%d datagrams, %d replies; heap %+d B, %d mallocs", f.sent, f.replies, heap, mallocs)
			require.LessOrEqual(t, heap, floodHeap)
			require.LessOrEqual(t, mallocs, uint64(floodMallocs))

			require.Zero(t, e.halves.len())
			require.Zero(t, e.epochIDs.next, "no receiver index")
			require.Zero(t, e.peerIDs.next)
			require.Empty(t, e.jobs, "no public-key work")
			require.Zero(t, e.timers.Len())
			require.Empty(t, e.events)
			require.Zero(t, e.Stats().Handshakes[HandshakeStarted])
			took := time.Duration(f.now - testStart)
			most := cookie.DefaultRepliesPerSecond*took.Seconds() + cookie.DefaultRepliesPerSecond/10
			require.LessOrEqual(t, float64(f.replies), most)
			require.NotZero(t, f.replies)
			require.LessOrEqual(t, f.largest, wire.InitSize, "no amplification")
			require.EqualValues(t, f.replies, e.Stats().CookiesSent)
			in := e.in
			in.Publish()
			require.EqualValues(t, f.sent, in.Counts().Packets.In)
			runtime.KeepAlive(e)
		})
	}
}

// spoofer sends first messages from addresses where it sees no answer, half of
// them without a cookie and half with a wrong one. It allocates nothing itself.
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
		f.to.HandleDatagram(wire.Datagram{Data: f.data[:], Addr: f.address(f.rng)}, f.now)
		out := 0
		for _, d := range f.to.Outgoing() {
			out += len(d.Data)
			f.replies++
		}
		f.largest = max(f.largest, out)
	}
}

// 5,000 addresses begin handshakes: the table stays within its cap, and nothing
// about an address outlives its handshakes.
func TestManyAddressesDoNotGrowTheTable(t *testing.T) {
	race.SkipHistory(t)
	e := newEndpoint(t, func(c *Config) {
		c.HandshakeRate, c.HandshakeBurst = 1<<20, 1<<18
		c.Authorize = func(context.Context, Handshake) bool { return false }
	})
	f := new(Initiator)
	const addresses = 5_000 // each that is admitted costs public-key work
	for i := range addresses {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1)
		p := pipeline.Packet{Data: f.Init(), Addr: addr, Now: testStart}
		h, _ := wire.ParseHeader(p.Data)
		e.handleInit(&p, h)
		require.LessOrEqual(t, e.halves.len(), 1024)
		require.LessOrEqual(t, len(e.halves.holders.byAddr), 1024)
		if i%10 == 0 {
			e.runJobs(testStart)
		}
	}
	o := e.Stats().Handshakes
	require.EqualValues(t, addresses, o[HandshakeStarted]+o[HandshakeRate]+o[HandshakeAddress])
	require.Len(t, e.halves.holders.ranks, 2)
}

// A first message without a cookie allocates nothing, takes no receiver index,
// and is answered with fewer bytes than it has.
func TestInitWithoutCookie(t *testing.T) {
	e := newEndpoint(t)
	data := make([]byte, wire.InitSize)
	copy(data, wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 7}))
	out, now := 0, testStart
	allocs := testing.AllocsPerRun(900, func() {
		data[20]++
		now += pipeline.Time(time.Millisecond)
		e.HandleDatagram(wire.Datagram{Data: data, Addr: testAddr(int(data[20]), 1)}, now)
		for _, d := range e.Outgoing() {
			out += len(d.Data)
		}
	})
	require.Zero(t, allocs)
	require.Equal(t, 901*wire.CookiePacketSize, out)
	require.Zero(t, e.epochIDs.next)
}

// BenchmarkInitFlood is what one first message of a flood costs the event loop:
// without a cookie, with a wrong one, and with a valid one beyond the share of
// its address.
func BenchmarkInitFlood(b *testing.B) {
	for name, cookie := range map[string]byte{"none": 0, "wrong": 1, "valid": 2} {
		b.Run(name, func(b *testing.B) {
			e, f, now := newEndpoint(b), new(Initiator), testStart
			from := testAddr(1, 1)
			data := f.Init()
			switch cookie {
			case 1:
				wire.InitCookie(data)[0] = 1
			case 2:
				data = f.InitWithLowOrderKey(b, e, from, now)
			}
			b.ReportAllocs()
			for b.Loop() {
				now += pipeline.Time(time.Microsecond)
				e.HandleDatagram(wire.Datagram{Data: data, Addr: from}, now)
				e.Outgoing()
				for j := e.PollJob(); j != nil; j = e.PollJob() {
					j.err = noise.ErrMessage // not run: that is the worker's time
					e.HandleJob(j, now)
				}
			}
		})
	}
}

// mallocsSoFar returns the number of objects allocated so far.
func mallocsSoFar() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
