package replay_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// world is recorded cores without sockets and goroutines, the datagrams between
// them and their clock. All is decided by the generator.
type world struct {
	t     testing.TB
	r     *rand.Rand
	now   pipeline.Time
	sides []*side
	wire  []flying
	seen  [][]byte // some of what has passed, to be sent again
}

type flying struct {
	from, to netip.AddrPort
	data     []byte
}

// side is a recorded core with the driver that it needs.
type side struct {
	recordingFiles
	w      *world
	core   *journal.Core
	writer *journal.Writer
	addr   netip.AddrPort
	static conn.Identity
	others []conn.Identity // identities
	jobs   []*conn.Job
	peers  []*conn.Peer
	asking []*conn.Peer // for an address
	woken  []*conn.Peer // to be marked ready
	lost   bool         // names do not resolve
	full   bool         // the reader is
	deaf   bool         // Deliver takes nothing
	// onMessage is the handler.
	onMessage func(p *conn.Peer, pk *pipeline.Packet)

	received, delivered int
}

func newWorld(t testing.TB, r *rand.Rand) *world {
	return &world{t: t, r: r, now: pipeline.Time(time.Hour)}
}

func (w *world) bytes() (b [32]byte) {
	for i := range b {
		b[i] = byte(w.r.Uint32())
	}
	return b
}

func (w *world) static() conn.Identity {
	s, err := conn.NewIdentity(w.bytes())
	require.NoError(w.t, err)
	return s
}

// side adds one at 10.0.0.x:x, x counting from one.
func (w *world) side(c intentra.Config) *side {
	x := byte(len(w.sides) + 1)
	s := &side{w: w, addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, x}), uint16(x)), static: w.static()}
	c.Key = s.static.Private()
	cfg, err := c.Core()
	require.NoError(w.t, err)
	cfg.Rand = rand.NewChaCha8(w.bytes())
	cfg.Room = func(*conn.Peer) bool { return !s.full }
	cfg.Touched = func(*conn.Peer) {}
	cfg.Deliver = func(p *conn.Peer, pk *pipeline.Packet) bool {
		s.delivered++
		s.hear()
		if s.onMessage != nil {
			s.onMessage(p, pk)
		}
		return !s.deaf
	}
	s.writer = journal.NewWriter(&s.capture, &s.keys)
	s.core, err = journal.New(cfg, s.writer, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC).UnixNano())
	require.NoError(w.t, err)
	require.NoError(w.t, s.core.Begin(s.addr))
	w.sides = append(w.sides, s)
	return s
}

// hear takes in what has happened. Core must not be called from Deliver, so what
// is to follow from it waits for takeEvents.
func (s *side) hear() {
	for s.core.HasEvents() {
		for _, ev := range s.core.Events() {
			switch ev.Kind {
			case conn.PeerUp:
				s.peers = append(s.peers, ev.Peer)
			case conn.NeedAddress:
				s.asking = append(s.asking, ev.Peer)
			}
		}
	}
}

func (s *side) takeEvents() {
	for _, p := range s.woken {
		s.core.MarkReady(p)
	}
	s.woken = s.woken[:0]
	for s.hear(); len(s.asking) > 0; s.hear() {
		p := s.asking[0]
		s.asking = s.asking[1:]
		s.resolve(p)
	}
}

func (s *side) resolve(p *conn.Peer) {
	for _, other := range s.w.sides {
		if other.static.Public() == p.Key && !s.lost {
			s.core.SetAddress(p, other.addr, s.w.now)
			return
		}
	}
	s.core.DialFailed(p, errors.New("no such host"), s.w.now)
}

// dial has s keep connected with other, under an identity of its own or another.
func (s *side) dial(other *side, as conn.Identity) *conn.Peer {
	p, err := s.core.DialAs(as, other.static.Public(), s.w.now)
	require.NoError(s.w.t, err)
	return p
}

// push queues a message, and tells the core if it wants to know.
func (s *side) push(p *conn.Peer, channel uint32, intent pipeline.Intent, payload []byte) conn.PushResult {
	o, wake := p.Push(channel, intent, payload)
	if wake {
		s.core.MarkReady(p)
	}
	return o
}

// turn does what is due, and puts what is to be sent on the wire.
func (s *side) turn() {
	s.core.HandleTimeout(s.w.now)
	s.takeEvents()
	for more := true; more; {
		more = s.core.Flush(s.w.now)
		s.send()
	}
	for j := s.core.PollJob(); j != nil; j = s.core.PollJob() {
		s.jobs = append(s.jobs, j)
	}
	s.takeEvents()
}

func (s *side) send() {
	for _, d := range s.core.Outgoing() {
		s.w.wire = append(s.w.wire, flying{s.addr, d.Addr, bytes.Clone(d.Data)})
	}
}

// job hands back the first job that is under way.
func (s *side) job() (done bool) {
	if len(s.jobs) == 0 {
		return false
	}
	j := s.jobs[0]
	s.jobs = s.jobs[1:]
	j.Run()
	s.core.HandleJob(j, s.w.now)
	return true
}

// arrive has a datagram arrive.
func (w *world) arrive(f flying) {
	for _, s := range w.sides {
		if s.addr == f.to {
			s.received++
			s.core.HandleDatagram(bytes.Clone(f.data), f.from, w.now)
			s.takeEvents()
		}
	}
}

// settle lets d pass in steps of a millisecond, on a wire that loses nothing.
func (w *world) settle(d time.Duration) {
	for range d / time.Millisecond {
		w.now += pipeline.Time(time.Millisecond)
		for _, s := range w.sides {
			s.turn()
			for s.job() {
				s.turn()
			}
		}
		all := w.wire
		w.wire = nil
		for _, f := range all {
			w.arrive(f)
		}
	}
}

// end closes all sides in good order.
func (w *world) end() {
	for _, s := range w.sides {
		for more := true; more; {
			more = s.core.Close(wire.CloseShutdown, w.now)
			s.send()
		}
		s.turn()
		s.core.Finish()
		require.NoError(w.t, s.writer.Close())
	}
}

// requireSame replays what each side has recorded and finds it the same.
func (w *world) requireSame(o replay.Options) {
	w.t.Helper()
	for i, s := range w.sides {
		res, differences := s.replay(w.t, o)
		require.Empty(w.t, differences, "side %d", i)
		require.True(w.t, res.Journal && res.Whole && res.Same())
		require.Equal(w.t, s.received, res.Received)
		require.Equal(w.t, s.delivered, res.Delivered)
	}
}

// totals are the counters of the core itself.
func (s *side) totals() map[string]uint64 {
	res := replay.Result{Inbound: s.core.Inbound().Counts(), Outbound: s.core.Outbound().Counts()}
	return res.Totals()
}

// pair are two sides, the first of which has dialled the second.
func pair(w *world, a, b intentra.Config) (dialer, listener *side, p *conn.Peer) {
	if b.Authorize == nil {
		b.Authorize = intentra.AllowAny
	}
	dialer, listener = w.side(a), w.side(b)
	p = dialer.dial(listener, dialer.static)
	for range 100 {
		if w.settle(time.Millisecond); p.Connected() {
			break
		}
	}
	require.True(w.t, p.Connected())
	return dialer, listener, p
}

// fixed is a generator for scenarios that need no chance.
func fixed() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// number is i as a payload.
func number(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }
