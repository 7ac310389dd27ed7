package conn

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/fair"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/stages/dispatch"
	"github.com/intentra/intentra/stages/ratelimit"
	"github.com/intentra/intentra/stages/replay"
	"github.com/intentra/intentra/wire"
)

// TestMemoryAtTheLimits fills each table of the core and its stages to its cap
// and beyond, at the default limits unless stated otherwise, and measures the
// heap that it takes. The bounds are those of docs/THREATMODEL.md. Eviction
// is tested with each table.
func TestMemoryAtTheLimits(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector takes memory of its own")
	}
	const kB, MB = 1 << 10, 1 << 20 // the first two lines include the endpoint itself
	for _, tt := range []struct {
		name  string
		bound int // bytes
		fill  func(t *testing.T) (keep any)
	}{
		{"1,000 lingering peers", 1400 * kB, fillPeers},
		{"1,024 half-open handshakes, each with 4 third messages", 6 * MB, fillHalfOpens},
		{"1,024 dialers that wait", 1 * MB, fillWaiting},
		{"1,024 completed handshakes", 256 * kB, fillCompleted},
		{"rate of an address: fair.Limiter", 20 * kB, func(*testing.T) any {
			l := fair.New(200, 50, [16]byte{})
			r := rand.New(rand.NewPCG(1, 1))
			for i := range 20_000 {
				l.Take(pipeline.Time(i*1000), randomAddr(r))
			}
			return l
		}},
		{"rates of unauthenticated addresses: ratelimit.Stage", 144 * kB, func(t *testing.T) any {
			s, err := ratelimit.New(ratelimit.Config{})
			require.NoError(t, err)
			p, r := new(pipeline.Packet), rand.New(rand.NewPCG(1, 1))
			data := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: 1 << 20})
			for range 100_000 {
				p.Reset(data, netip.AddrPortFrom(randomAddr(r), 1), 0)
				s.Process(p)
			}
			return s
		}},
		{"secrets of cookies: cookie.Stage", 24 * kB, func(t *testing.T) any {
			s, err := cookie.New(cookie.Config{Rand: rand.NewChaCha8([32]byte{})})
			require.NoError(t, err)
			p, r := new(pipeline.Packet), rand.New(rand.NewPCG(1, 1))
			data := new(Initiator).Init()
			reply := make([]byte, 0, wire.CookiePacketSize)
			for i := range 5_000 {
				p.Reset(data, netip.AddrPortFrom(randomAddr(r), 1), later(0, time.Duration(i)*time.Second))
				p.Reply = reply
				s.Process(p)
			}
			return s
		}},
		{"replay window of an epoch, 8,192", 2 * kB, func(*testing.T) any {
			w := replay.NewWindow(replay.DefaultBits)
			for c := range uint64(20_000) {
				w.Accept(c)
			}
			return &w
		}},
		{"packets in flight of an epoch: ack.Tracker, 4,096", 72 * kB, func(*testing.T) any {
			var tr ack.Tracker
			var o ack.Outcome
			for c := range 10_000 {
				tr.Sent(pipeline.Time(c), 1, 0, true, &o)
			}
			return &tr
		}},
		{"channels of a session: dispatch.Newest, 1,024", 80 * kB, func(*testing.T) any {
			var n dispatch.Newest
			for c := range uint32(10_000) {
				n.Accept(c, uint64(c))
			}
			return &n
		}},
		{"send queue of a peer, both kinds full", 3 * MB, func(*testing.T) any {
			q := sendq.New((&Endpoint{cfg: Config{}.WithDefaults()}).queueLimits(), nil)
			q.SetOnline(true)
			for c := range uint32(5000) {
				q.Push(&sendq.Message{Channel: c, Intent: pipeline.Latest, Payload: make([]byte, 256)})
				q.Push(&sendq.Message{Channel: c, Intent: pipeline.Reliable, Payload: make([]byte, 1024)})
			}
			return q
		}},
		{"Reliable messages of a session in flight, 1,024 of 1,200 B", 2 * MB, func(t *testing.T) any { return fillLane(t, 1200, surelyInFlight) }},
		{"Reliable messages of a session in flight, 4,096 of 16 B", MB, func(t *testing.T) any { return fillLane(t, 16, wire.ReliableWindow) }},
		{"Reliable messages of a session in flight, in turn", 3 * MB, cycleLane},
		{"held Reliable messages of a session", 512 * kB, func(t *testing.T) any { return fillHeld(t, 1, 1000) }},
		{"held Reliable messages of a session, of 1 B", 512 * kB, func(t *testing.T) any { return fillHeld(t, 1, 1) }},
		{"held Reliable messages of 1,000 sessions", 96 * MB, func(t *testing.T) any { return fillHeld(t, 1000, 1000) }},
		{"held Reliable messages of 1,000 sessions, of 1 B", 96 * MB, func(t *testing.T) any { return fillHeld(t, 1000, 1) }},
		{"the last message of the window, alone, of 1,000 sessions", 72 * MB, fillLast},
		{"datagrams to be sent", 256 * kB, func(t *testing.T) any {
			var a arena
			a.init(wire.MinDatagram)
			for !a.full() {
				a.commit(a.buffer()[:wire.MinDatagram], &netip.AddrPort{}, &netip.Addr{}, 0)
			}
			return &a
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// Small tables are filled so often that the test's own memory does
			// not count.
			keep := make([]any, max(1, MB/tt.bound))
			before := HeapInUse()
			for i := range keep {
				keep[i] = tt.fill(t)
			}
			took := (HeapInUse() - before) / len(keep)
			runtime.KeepAlive(keep)
			t.Logf("%d B", took)
			require.LessOrEqual(t, took, tt.bound)
			require.Greater(t, took, tt.bound/8, "the bound is not tight")
		})
	}
}

func randomAddr(r *rand.Rand) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
}

// fillPeers adds 10,000 identities.
func fillPeers(t *testing.T) any {
	const most = 1000
	e := newEndpoint(t, func(c *Config) { c.MaxPeers = most })
	for i := range 10 * most {
		require.NotNil(t, e.peerFor([KeySize]byte{byte(i), byte(i >> 8), 1}, testStart))
		e.Events()
		e.Events()
	}
	require.Len(t, e.peers, most)
	return e
}

// fillWaiting has dialers from 2,000 addresses wait.
func fillWaiting(t *testing.T) any {
	w := new(waiting)
	w.init()
	for i := range 2000 {
		w.join(initKey{addr: testAddr(i, 1)}, testStart)
		w.join(initKey{addr: testAddr(i/2, 2+i)}, testStart)
		require.LessOrEqual(t, w.len(), maxWaiting)
		require.Equal(t, w.len(), w.byAsked.Len())
	}
	require.Equal(t, maxWaiting, w.len())
	require.Equal(t, w.turns.Len(), len(w.lines.byAddr))
	return w
}

// fillHalfOpens begins handshakes from 1,100 addresses, and queues several
// candidates for message 3 of each that stays.
func fillHalfOpens(t *testing.T) any {
	e := newEndpoint(t, func(c *Config) { c.HandshakeRate, c.HandshakeBurst = 1<<20, 1<<18 })
	f, now := new(Initiator), testStart
	for i := range 1100 {
		f.Begin(t, e, testAddr(i, 1), now)
		e.runJobs(now)
		e.Outgoing()
		now = later(now, time.Millisecond)
		e.HandleTimeout(now)
	}
	require.Equal(t, 1024, e.halves.len())
	require.LessOrEqual(t, len(e.halves.holders.byAddr), 1024)
	require.Len(t, e.halves.holders.ranks, 2)
	require.Empty(t, e.jobs)
	for _, half := range e.halves.byInit {
		half.busy = true // the worker does not take them
		for i := range 100 {
			final := wire.AppendHeader(nil, wire.Header{Type: wire.TypeFinal, Suite: wire.AESGCM, Receiver: uint32(half.index)})
			final = append(final, make([]byte, wire.FinalSize-wire.HeaderSize)...)
			final[wire.HeaderSize] = byte(i)
			e.HandleDatagram(wire.Datagram{Data: final, Addr: half.key.addr}, now)
		}
		require.Len(t, half.finals.waiting, maxCandidates)
	}
	require.LessOrEqual(t, e.timers.Len(), 1025)
	require.LessOrEqual(t, int(e.epochIDs.next), 1025)
	return e
}

func fillCompleted(t *testing.T) any {
	h := new(halfOpens)
	h.init()
	for i := range 20_000 {
		h.complete([32]byte{byte(i), byte(i >> 8), byte(i >> 16), 1})
		require.LessOrEqual(t, len(h.completed), completedInits)
	}
	return h
}

// fillLane fills a window, which takes n messages of that many bytes.
func fillLane(t *testing.T, bytes, n int) any {
	l, channel := &lane{window: wire.ReliableWindow}, uint32(0)
	for ; !l.full(); channel++ {
		l.add(channel, make([]byte, bytes))
	}
	require.EqualValues(t, n, channel)
	return l
}

// cycleLane has long messages pass through all slots of a window that has been filled
// with short ones: their buffers are not kept in all of them.
func cycleLane(t *testing.T) any {
	l := fillLane(t, 16, wire.ReliableWindow).(*lane)
	for range 3 * wire.ReliableWindow {
		l.acknowledge(l.at(l.base))
		l.release()
		for !l.full() {
			l.add(1, make([]byte, 1200))
		}
	}
	require.LessOrEqual(t, l.inFlight(), surelyInFlight)
	require.Len(t, l.slots, surelyInFlight)
	return l
}

// heldChain returns the stage and a chain to it with that many sessions.
func heldChain(t *testing.T, sessions uint32) (*ack.Stage, *pipeline.Inbound) {
	s := ack.New(ack.Config{})
	chain, err := pipeline.NewInbound(pipeline.Func("open", nil, func(p *pipeline.Packet) pipeline.Verdict {
		p.SetPlaintext(p.Data)
		return pipeline.Accept
	}), s).Build()
	require.NoError(t, err)
	for i := range sessions {
		id := pipeline.MakeID(i, 1)
		chain.OpenSession(pipeline.SessionNotice{Session: id})
		chain.OpenEpoch(pipeline.EpochNotice{Session: id, Epoch: id})
	}
	return s, chain
}

// fillLast sends each session only the last message of its window, so that the ring is
// as long as it can be.
func fillLast(t *testing.T) any {
	const sessions = 1000
	s, chain := heldChain(t, sessions)
	p := new(pipeline.Packet)
	for i := range uint32(sessions) {
		p.Reset(wire.AppendReliable(nil, 1, wire.ReliableWindow-1, 0, nil), netip.AddrPort{}, 0)
		p.Session, p.Epoch = pipeline.MakeID(i, 1), pipeline.MakeID(i, 1)
		require.Equal(t, pipeline.Accept, chain.Process(p))
	}
	return s
}

// fillHeld sends each session more behind a gap than it may hold, in messages of n bytes.
func fillHeld(t *testing.T, sessions uint32, n int) any {
	s, chain := heldChain(t, sessions)
	p, payload := new(pipeline.Packet), make([]byte, n)
	for i := range sessions {
		id := pipeline.MakeID(i, 1)
		for seq := uint64(1); seq < wire.ReliableWindow; seq++ {
			frame := wire.AppendReliable(nil, 1, seq, 1, payload)
			p.Reset(frame, netip.AddrPort{}, 0)
			p.Session, p.Epoch, p.Counter = id, id, seq
			chain.Process(p)
		}
		require.LessOrEqual(t, s.SessionHeldBytes(id), ack.DefaultHeldBytes)
	}
	require.LessOrEqual(t, s.HeldBytes(), ack.DefaultHeldBytesTotal)
	require.Greater(t, s.HeldBytes(), min(int(sessions)*ack.DefaultHeldBytes, ack.DefaultHeldBytesTotal)-2048)
	return s
}

// HeapInUse returns the bytes of all reachable objects.
func HeapInUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // frees what finalizers and pools held during the first
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
