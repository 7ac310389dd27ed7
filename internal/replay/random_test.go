package replay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// Whatever two transports are asked to do, in any order and over any network, the
// recording of each replays without a difference.
func TestRandomRecordingsAreReplayed(t *testing.T) {
	runs := 100
	switch {
	case race.Enabled:
		runs = 10
	case testing.Short():
		runs = 40
	}
	r := seed.Rand(t)
	total := map[string]uint64{}
	for run := range runs {
		first := r.Uint64()
		t.Run(fmt.Sprint(run), func(t *testing.T) {
			s := newRandomScenario(t, first)
			for range 600 {
				s.step(s.w.Rand().IntN(2))
				s.pass()
			}
			s.w.end()
			s.w.requireSame(replay.Options{})
			for _, n := range s.w.nodes {
				for name, count := range n.totals() {
					total[name] += count
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
		require.Positive(t, total[name], "%s never occurs", name)
	}
}

// randomScenario is two nodes to which random things happen.
type randomScenario struct {
	w          *world
	r          *rand.Rand
	identities []conn.Identity // besides the nodes' own; Authorize refuses or panics for some
	sent       *sim.Recorder   // datagrams to send again
}

func newRandomScenario(t *testing.T, seed uint64) *randomScenario {
	w := newWorld(t, seed)
	w.SetDefault(sim.Link{
		Delay: time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.05, Duplicate: 0.1, Reorder: 0.05, ReorderDelay: time.Second,
	})
	forbidden, fatal := w.newIdentity(), w.newIdentity()
	s := &randomScenario{w: w, r: w.Rand(), identities: []conn.Identity{w.newIdentity(), forbidden, fatal}, sent: w.Record(200)}
	for range 2 {
		n := w.node(randomConfig(w.Rand(), forbidden, fatal))
		n.JobDelay = time.Duration(s.r.IntN(3)) * 5 * time.Millisecond
		n.onMessage = func(p *conn.Peer, pk *pipeline.Packet) { s.handle(n, p, pk) }
	}
	w.nodes[0].dial(w.nodes[1], w.nodes[0].identity)
	w.run(100 * time.Millisecond)
	return s
}

// randomConfig returns a Config whose limits are reached.
func randomConfig(r *rand.Rand, forbidden, fatal conn.Identity) intentra.Config {
	c := intentra.Config{
		RekeyAfterPackets: 16 << r.IntN(6), SendQueueMessages: 1 + r.IntN(20), ReliableQueueMessages: 1 + r.IntN(20),
		PeerMessageRate: 16 << r.IntN(12), PeerByteRate: 64 << (10 + r.IntN(6)),
		PeerRate: 20 << r.IntN(10), PeerBurst: 5 << r.IntN(7), IdleTimeout: 20 * time.Second, ForbidRoaming: r.IntN(3) == 0,
		MaxHandshakes: 1 + r.IntN(10), MaxPeers: 2 + r.IntN(4), ReplayWindow: 64 << r.IntN(4), Strikes: 1 + r.IntN(5),
		Suite: intentra.AESGCM + intentra.Suite(r.IntN(2)), MaxDatagram: 256 << r.IntN(3),
		Authorize: func(_ context.Context, h intentra.Handshake) bool {
			if h.Key == fatal.Public() {
				panic("of Authorize")
			}
			return h.Key != forbidden.Public()
		},
	}
	if r.IntN(4) == 0 {
		c.Suites = []intentra.Suite{c.Suite}
	}
	return c
}

// step does one random thing to the node with the number.
func (s *randomScenario) step(number int) {
	n, other, r := s.w.nodes[number], s.w.nodes[1-number], s.r
	switch x := r.IntN(1000); {
	case x < 700:
		s.push(n)
	case x < 710:
		as := append(s.identities, n.identity)[r.IntN(len(s.identities)+1)]
		n.call(func(c *journal.Core, now pipeline.Time) {
			if p, err := c.DialAs(as, other.Key(), now); err == nil {
				n.know(p)
			}
		})
	case x < 850:
		s.forge(n)
	case x < 870:
		n.full = !n.full
	case x < 880:
		n.refuses = !n.refuses
	case x < 887:
		n.SetAddress(other.Key(), netip.AddrPort{}) // it does not resolve any more
	case x < 895:
		n.SetAddress(other.Key(), other.Addr())
	case x < 900:
		n.call(func(c *journal.Core, now pipeline.Time) { c.Revoke(other.Key(), now) })
	default:
		s.callPeer(n)
	}
}

func (s *randomScenario) push(n *node) {
	r := s.r
	if len(n.peers) == 0 {
		return
	}
	p := n.peers[r.IntN(len(n.peers))]
	channel, intent := r.Uint32N(4), anyIntent(r.IntN(3))
	size := r.IntN(150)
	if r.IntN(40) == 0 {
		size = 1000 + r.IntN(3000) // perhaps in fragments
	}
	payload := bytes.Repeat([]byte{byte(r.Uint32())}, size)
	if r.IntN(3) > 0 {
		n.push(p, channel, intent, payload)
		return
	}
	shared := conn.NewPayload(payload, 1)
	result, wake := p.PushShared(&conn.Message{Channel: channel, Intent: intent}, shared)
	if !result.Taken() {
		shared.Release(1)
	}
	if wake && r.IntN(2) == 0 { // or the message waits for the next one
		n.call(func(c *journal.Core, _ pipeline.Time) { c.MarkReady(p) })
	}
}

// callPeer calls the core for a peer, whether or not it has asked for it.
func (s *randomScenario) callPeer(n *node) {
	if len(n.peers) == 0 {
		return
	}
	p, r := n.peers[s.r.IntN(len(n.peers))], s.r
	n.call(func(c *journal.Core, now pipeline.Time) {
		switch r.IntN(20) {
		case 0:
			c.ClosePeer(p, wire.CloseReasons()[r.IntN(len(wire.CloseReasons()))], now)
		case 1:
			c.AbandonDial(p, now)
		case 2:
			c.DialFailed(p, errors.New("not asked for"), now)
		case 3:
			c.SetAddress(p, s.w.nodes[r.IntN(2)].Addr(), now)
		case 4:
			c.WantClock(p, now)
		default:
			c.Probe(p, now)
			c.MarkReady(p)
		}
	})
}

// forge injects a random datagram, or an old one that may be changed, from any
// address.
func (s *randomScenario) forge(n *node) {
	r := s.r
	data := random(r, r.IntN(1300))
	if old := s.sent.Kept(); len(old) > 0 && r.IntN(5) > 0 {
		data = old[r.IntN(len(old))].Data
		switch r.IntN(3) {
		case 0:
			data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		case 1:
			data = data[:r.IntN(len(data)+1)]
		}
	}
	from := s.w.nodes[r.IntN(2)].Addr()
	if r.IntN(3) == 0 {
		ip := netip.AddrFrom16([16]byte{0xfe, 0x80, 15: byte(r.IntN(3))}).WithZone("eth0")
		from = netip.AddrPortFrom(ip, uint16(r.Uint32()))
	}
	s.w.Inject(from, n.Addr(), data, 0)
}

// pass lets a random time pass, mostly short.
func (s *randomScenario) pass() {
	r := s.r
	longest := []time.Duration{time.Microsecond, 2 * time.Millisecond, 50 * time.Millisecond, time.Second}[min(r.IntN(8), 3)]
	if r.IntN(200) == 0 {
		longest = 90 * time.Second
	}
	s.w.run(time.Duration(r.Int64N(int64(longest))))
}

// handle is the handler of n: it sends, and sometimes panics.
func (s *randomScenario) handle(n *node, p *conn.Peer, pk *pipeline.Packet) {
	switch s.r.IntN(20) {
	case 0:
		panic("the handler's")
	case 1, 2, 3:
		p.Push(&conn.Message{Channel: pk.Channel, Intent: pk.Intent, Payload: pk.Payload()})
	case 4:
		p.Push(&conn.Message{Channel: 9, Intent: intentra.Reliable, Payload: number(n.delivered)})
		panic("the handler's, after it has sent")
	}
}
