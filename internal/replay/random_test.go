package replay_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// randomConfig is one in which limits are met.
func randomConfig(r *rand.Rand, forbidden, fatal conn.Identity) intentra.Config {
	c := intentra.Config{
		RekeyAfterPackets: 16 << r.IntN(6), SendQueueMessages: 1 + r.IntN(20), ReliableQueueMessages: 1 + r.IntN(20),
		PeerRate: 20 << r.IntN(10), PeerBurst: 5 << r.IntN(7), IdleTimeout: 20 * time.Second, ForbidRoaming: r.IntN(3) == 0,
		MaxHandshakes: 1 + r.IntN(10), MaxPeers: 2 + r.IntN(4), ReplayWindow: 64 << r.IntN(4), Strikes: 1 + r.IntN(5),
		Suite: intentra.AESGCM + intentra.Suite(r.IntN(2)), MaxDatagram: 256 << r.IntN(3),
		Authorize: func(k intentra.PublicKey) bool {
			if k == fatal.Public() {
				panic("the user's Authorize")
			}
			return k != forbidden.Public()
		},
	}
	if r.IntN(4) == 0 {
		c.Suites = []intentra.Suite{c.Suite}
	}
	return c
}

// step is one random thing that happens to s.
func (s *side) step() {
	w, r := s.w, s.w.r
	other := w.sides[0]
	if other == s {
		other = w.sides[1]
	}
	switch n := r.IntN(1000); {
	case n < 300:
		s.randomPush()
	case n < 600:
		s.turn()
	case n < 750:
		s.job()
	case n < 760:
		as := append(s.others, s.static)[r.IntN(len(s.others)+1)]
		if p, err := s.core.DialAs(as, other.static.Public(), w.now); err == nil {
			s.peers = append(s.peers, p)
		}
	case n < 820:
		w.forge(s)
	case n < 830:
		s.full = !s.full
	case n < 833:
		s.deaf = !s.deaf
	case n < 837:
		s.lost = !s.lost
	case n < 840:
		s.core.Revoke(other.static.Public(), w.now)
	case n < 880:
		s.randomCall()
	default:
		s.takeEvents()
	}
}

func (s *side) randomPush() {
	r := s.w.r
	if len(s.peers) == 0 {
		return
	}
	p := s.peers[r.IntN(len(s.peers))]
	channel, intent := r.Uint32N(4), 1+pipeline.Intent(r.IntN(3))
	payload := bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(150))
	if r.IntN(3) > 0 {
		s.push(p, channel, intent, payload)
		return
	}
	shared := conn.NewPayload(payload, 1)
	o, wake := p.PushShared(channel, intent, shared)
	if !o.Taken() {
		shared.Release(1)
	}
	if wake && r.IntN(2) == 0 {
		s.core.MarkReady(p)
	}
}

func (s *side) randomCall() {
	r, now := s.w.r, s.w.now
	if len(s.peers) == 0 {
		return
	}
	p := s.peers[r.IntN(len(s.peers))]
	switch r.IntN(20) {
	case 0:
		s.core.ClosePeer(p, wire.CloseReasons()[r.IntN(len(wire.CloseReasons()))], now)
	case 1:
		s.core.AbandonDial(p, now)
	case 2:
		s.core.DialFailed(p, errors.New("not asked for"), now)
	case 3:
		s.core.SetAddress(p, s.w.sides[r.IntN(len(s.w.sides))].addr, now)
	default:
		s.core.Probe(p, now)
		s.core.MarkReady(p)
	}
}

// forge sends s what nobody has sent: noise, old packets, changed ones, from
// anywhere.
func (w *world) forge(s *side) {
	r := w.r
	data := make([]byte, r.IntN(1300))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	if len(w.seen) > 0 && r.IntN(5) > 0 {
		data = bytes.Clone(w.seen[r.IntN(len(w.seen))])
		switch r.IntN(3) {
		case 0:
			data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		case 1:
			data = data[:r.IntN(len(data)+1)]
		}
	}
	from := w.sides[r.IntN(len(w.sides))].addr
	if r.IntN(3) == 0 {
		ip := netip.AddrFrom16([16]byte{0xfe, 0x80, 15: byte(r.IntN(3))}).WithZone("eth0")
		from = netip.AddrPortFrom(ip, uint16(r.Uint32()))
	}
	w.arrive(flying{from, s.addr, data})
}

// pass lets the wire do its worst with the datagrams on it, and the clock go on.
func (w *world) pass() {
	r := w.r
	for len(w.wire) > 0 && r.IntN(5) > 0 {
		i := 0
		if r.IntN(4) == 0 {
			i = r.IntN(len(w.wire))
		}
		f := w.wire[i]
		if r.IntN(10) > 0 {
			w.wire = append(w.wire[:i], w.wire[i+1:]...)
		}
		if r.IntN(20) == 0 {
			continue // lost
		}
		if len(w.seen) < 200 {
			w.seen = append(w.seen, f.data)
		}
		w.arrive(f)
	}
	longest := []time.Duration{time.Microsecond, 2 * time.Millisecond, 50 * time.Millisecond, time.Second}[min(r.IntN(8), 3)%4]
	if r.IntN(200) == 0 {
		longest = 90 * time.Second
	}
	if r.IntN(2) == 0 {
		w.now += pipeline.Time(r.Int64N(int64(longest)))
	}
}

// Whatever two transports are asked to do, in whatever order and over whatever
// network, each recording does it again, bit for bit.
func TestRandomRecordingsAreReplayed(t *testing.T) {
	runs := 100
	if testing.Short() {
		runs = 40
	}
	r := seed.Rand(t)
	total := map[string]uint64{}
	for run := range runs {
		first := r.Uint64()
		t.Run(fmt.Sprint(run), func(t *testing.T) {
			w := newWorld(t, rand.New(rand.NewPCG(first, 0)))
			forbidden, fatal := w.static(), w.static()
			for range 2 {
				s := w.side(randomConfig(w.r, forbidden, fatal))
				s.others = []conn.Identity{w.static(), forbidden, fatal}
				s.onMessage = s.randomHandler
			}
			a, b := w.sides[0], w.sides[1]
			a.peers = append(a.peers, a.dial(b, a.static))
			w.settle(20 * time.Millisecond)
			for range 600 {
				w.sides[w.r.IntN(2)].step()
				w.pass()
			}
			w.end()
			w.requireSame(replay.Options{})
			for _, s := range w.sides {
				for name, n := range s.totals() {
					total[name] += n
				}
			}
		})
	}
	t.Log(total)
	for _, name := range []string{
		"inbound messages accepted", "inbound packets consumed", "outbound messages accepted",
		"inbound packets dropped aead/forged", "inbound packets dropped replay/replayed", "inbound packets dropped header/unknown_index",
		"inbound messages dropped dispatch/panic", "inbound messages dropped dispatch/refused", "inbound messages dropped ack/receiver_full",
	} {
		require.Positive(t, total[name], "%s: too little happens", name)
	}
}

// randomHandler sends from within, asks for more, and sometimes fails.
func (s *side) randomHandler(p *conn.Peer, pk *pipeline.Packet) {
	switch s.w.r.IntN(20) {
	case 0:
		panic("the user's handler")
	case 1, 2, 3:
		p.Push(pk.Channel, pk.Intent, pk.Payload())
	case 4:
		p.Push(9, pipeline.Reliable, number(s.delivered))
		panic("the user's handler, later")
	}
}
