package threat

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// tamperer is on the path of a whole session, from the first Init to the Close, and
// manipulates one of its datagrams: number target, counted from zero.
type tamperer struct {
	target int
	do     func(w *sim.World, d sim.Datagram) sim.Action

	seen   int
	kinds  map[string]int                   // number of the first datagram of each kind
	frames map[[wire.HeaderSize]byte]string // kinds of sealed packets
}

// kind names the kind of a datagram. For sealed ones only the test can know it.
func (x *tamperer) kind(d sim.Datagram) string {
	switch d.Type() {
	case wire.TypeInit:
		if bytes.Equal(wire.InitCookie(d.Data), make([]byte, wire.CookieSize)) {
			return "init"
		}
		return "init with cookie"
	case wire.TypeCookie:
		return "cookie"
	case wire.TypeResponse:
		return "response"
	case wire.TypeFinal:
		return "final"
	}
	return x.frames[[wire.HeaderSize]byte(d.Data)]
}

// note records the kind of a packet before it is sealed.
func (x *tamperer) note(p *pipeline.Packet) pipeline.Verdict {
	b := p.Data[wire.HeaderSize:]
	name := map[wire.FrameType]string{
		wire.FrameRealtime: "data", wire.FrameAck: "ack", wire.FramePing: "ping", wire.FrameClose: "close",
		wire.FrameRekey: "rekey",
	}[wire.FrameType(b[0])]
	if name == "rekey" {
		name += []string{" request", " init", " answer", " final"}[b[1]]
	}
	x.frames[[wire.HeaderSize]byte(p.Data)] = name
	return pipeline.Accept
}

func (x *tamperer) see(w *sim.World, d sim.Datagram) (pass sim.Action) {
	kind := x.kind(d)
	if _, ok := x.kinds[kind]; !ok {
		x.kinds[kind] = x.seen
	}
	x.seen++
	if x.seen-1 == x.target {
		return x.do(w, d)
	}
	return pass
}

// ended is the outcome of a session.
type ended struct {
	trace   string // hash of everything that the nodes sent and received
	counted uint64 // dropped packets and failed handshake messages
	cookies uint64 // challenges sent
	started uint64 // handshakes answered
	up      time.Duration

	got, closes    [2]uint64 // messages delivered and sessions closed on each side
	strikes, roams uint64
}

// play runs a session, which includes a rekey if rekey is true.
func play(t testing.TB, x *tamperer, rekey bool) (e ended) {
	x.seen, x.kinds, x.frames = 0, map[string]int{}, map[[wire.HeaderSize]byte]string{}
	w := sim.New(21)
	w.Check("conservation", sim.Conservation)
	w.Tap(func(d sim.Datagram) sim.Action { return x.see(w, d) })
	node := func(name string) *sim.Node {
		cfg := intentra.Config{Authorize: intentra.AllowAny, Stages: func(s *stages.Set) error {
			s.Outbound.InsertBefore("seal", pipeline.Func("note", nil, x.note))
			return nil
		}}
		if rekey {
			cfg.RekeyAfter = 300 * time.Millisecond
		}
		n, err := w.Node(name, netip.AddrPort{}, cfg)
		require.NoError(t, err)
		return n
	}
	hub, peer := node("hub"), node("peer")
	require.NoError(t, peer.Dial(hub.Key()))
	var ok bool
	e.up, ok = w.Until(5*time.Second, func() bool { return peer.Connected(hub.Key()) && hub.Connected(peer.Key()) })
	require.True(t, ok)
	life := 150 * time.Millisecond
	if rekey {
		life = time.Second
	}
	stop := w.Every(40*time.Millisecond, func() {
		peer.Send(hub.Key(), greeting)
		hub.Send(peer.Key(), greeting)
	})
	w.After(life, func() { stop(); hub.ClosePeer(peer.Key(), wire.CloseNormal) })
	require.NoError(t, w.Run(life+time.Second))

	e.trace = w.TraceHash()
	for i, n := range []*sim.Node{hub, peer} {
		packets, _ := n.AllDrops()
		e.counted += packets + n.Handshakes(conn.HandshakeFailed)
		e.got[i], e.closes[i] = n.Delivered(), closes(n.Stats())
		e.strikes, e.roams = e.strikes+n.Stats().Strikes, e.roams+n.Stats().Roams
		e.cookies += n.Stats().CookiesSent
		e.started += n.Handshakes(conn.HandshakeStarted)
	}
	return e
}

// flipped returns data with one bit changed.
func flipped(data []byte, bit int) []byte {
	b := bytes.Clone(data)
	b[bit/8] ^= 1 << (bit % 8)
	return b
}

// every returns the distance between flipped bits: one, or more with -short.
func every(bits int) int { return max(1, bits/size(bits)) }

// A datagram with a flipped bit has the same effect as a lost datagram, except that
// it is counted: everything that both sides send and receive afterwards is the same.
// Of a sealed datagram, copies with each bit flipped arrive one after the other,
// first before the genuine one and then in its place.
func TestThreat21FlippedBits(t *testing.T) {
	race.SkipHistory(t)
	flips := map[string]int{}
	for _, rekey := range []bool{false, true} {
		x := &tamperer{target: -1}
		whole := play(t, x, rekey)
		kinds := maps.Clone(x.kinds)
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			target, sealed := kinds[kind], slices.Contains(slices.Collect(maps.Values(x.frames)), kind)
			if rekey != sealed {
				continue // the longer session is for sealed datagrams
			}
			var data []byte
			x := &tamperer{target: target, do: func(_ *sim.World, d sim.Datagram) sim.Action {
				data = bytes.Clone(d.Data)
				return sim.Action{Drop: true}
			}}
			lost := play(t, x, rekey)
			bits := 8 * len(data)
			if sealed {
				all := func(w *sim.World, d sim.Datagram) {
					for bit := range bits {
						w.Inject(d.From, d.To, flipped(d.Data, bit), 5*time.Millisecond) // the link's delay
					}
				}
				x.do = func(w *sim.World, d sim.Datagram) (pass sim.Action) { all(w, d); return pass }
				requireCounted(t, whole, play(t, x, rekey), bits, kind)
				x.do = func(w *sim.World, d sim.Datagram) sim.Action { all(w, d); return sim.Action{Drop: true} }
				requireCounted(t, lost, play(t, x, rekey), bits, kind)
				flips[kind] = bits
				continue
			}
			step := every(bits)
			if kind == "init" {
				step *= 9 // the Init with a cookie covers all bits
			}
			for bit := 0; bit < bits; bit += step {
				x.do = func(_ *sim.World, d sim.Datagram) sim.Action { return sim.Action{Data: flipped(d.Data, bit)} }
				got := play(t, x, rekey)
				if kind == "init" || kind == "init with cookie" {
					requireUseless(t, whole, lost, got, kind, bit)
				} else {
					requireCounted(t, lost, got, 1, "%s, bit %d", kind, bit)
				}
				flips[kind]++
			}
		}
	}
	require.Len(t, flips, 13)
	total := 0
	for _, n := range flips {
		total += n
	}
	report(t, 21, "%d bits flipped, in %v: each counted once as a drop or a failed handshake message, the rest of the session the same bit for bit", total, flips)
}

// requireCounted requires that a session ended as another one did, except for n
// additional drops.
func requireCounted(t *testing.T, as, got ended, n int, which ...any) {
	t.Helper()
	got.counted -= uint64(n)
	require.Equal(t, as, got, which...)
}

// requireUseless requires the outcome for an Init with a flipped bit. If its header
// is valid, it is challenged, and the dialer rejects the challenge because it does
// not match its own Init. Flipped bits of an absent cookie have no effect.
func requireUseless(t *testing.T, whole, lost, got ended, kind string, bit int) {
	t.Helper()
	if kind == "init" && bit >= 8*(wire.InitSize-wire.CookieSize) {
		require.Equal(t, whole, got, "%s, bit %d", kind, bit)
		return
	}
	extra := got.counted + got.cookies - lost.counted - lost.cookies
	require.True(t, extra == 1 || extra == 2, "%s, bit %d: %d counted", kind, bit, extra)
	got.trace, got.counted, got.cookies = lost.trace, lost.counted, lost.cookies
	require.Equal(t, lost, got, "%s, bit %d", kind, bit)
}
