package conn_test

import (
	"bytes"
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// The steps of an input of FuzzHandshake, by the first byte modulo their number.
const (
	passOn    = iota // deliver a datagram to its destination
	divert           // deliver it to another node, or from another address
	bendByte         // deliver it with one byte changed
	cutShort         // deliver it shorter or longer
	splice           // deliver the header of one with the body of another
	offer            // a wrong cookie for an Init that was seen
	wait             // time passes
	dialBack         // the responder dials too
	ownKey           // the attacker dials with its own key
	openClose        // the network delivers what is sent from now on, or stops
	fuzzSteps        // the number of steps
)

// FuzzHandshake is MOD of docs/THREATMODEL.md, from the first datagram on. All
// that two peers send reaches only the attacker, which delivers it to any node,
// changed, repeated, cut and spliced, while timers run; it also dials with a key
// of its own, which is not allowed. The peers have sessions with each other only,
// and none whose keys the other has not had; an address is sent at most three
// times what came from it; the tables stay within their caps; after the attack
// the two are connected within a bound; and in the end every table is empty.
func FuzzHandshake(f *testing.F) {
	f.Add(uint8(0), []byte{})
	inOrder := []byte{passOn, 0, passOn, 1, passOn, 2, passOn, 3, passOn, 4, passOn, 5}
	for flags := range uint8(8) {
		f.Add(flags, inOrder)
	}
	f.Add(uint8(1), []byte{passOn, 0, passOn, 1, bendByte, 2, 30, 1, passOn, 2, bendByte, 3, 50, 1, passOn, 3, passOn, 3, bendByte, 4, 70, 1, passOn, 4})
	f.Add(uint8(0), []byte{divert, 0, 2, passOn, 1, divert, 2, 0x12, wait, 200, passOn, 2, passOn, 3, passOn, 0, wait, 255})
	f.Add(uint8(2), []byte{offer, 0, 1, offer, 0, 2, passOn, 0, offer, 0, 3, passOn, 1, wait, 100, passOn, 4, cutShort, 5, 127, splice, 3, 5})
	f.Add(uint8(3), []byte{dialBack, passOn, 0, passOn, 1, passOn, 2, passOn, 3, passOn, 4, passOn, 5, passOn, 6, passOn, 7, passOn, 8, passOn, 9})
	// The attacker answers in the responder's place, in the right order.
	f.Add(uint8(0), []byte{divert, 0, 2, divert, 1, 33, divert, 2, 2, divert, 3, 33, passOn, 0, passOn, 4, passOn, 5, passOn, 6, passOn, 7})
	f.Add(uint8(0), []byte{ownKey, 1, openClose, wait, 60, openClose, ownKey, 0, passOn, 0, passOn, 1, wait, 255, wait, 255})
	f.Fuzz(func(t *testing.T, flags uint8, in []byte) {
		s := newHandshakeAttack(t, flags)
		s.in = in
		for steps := 0; len(s.in) > 0 && steps < 60; steps++ {
			s.step()
			s.checkCaps()
		}
		s.end()
	})
}

// maxHandshakes is Config.MaxHandshakes of the nodes.
const maxHandshakes = 6

// handshakeAttack is two peers, what they have sent, and the attacker between
// them.
type handshakeAttack struct {
	*world
	a, b, mallory *node
	in            []byte
	seen          []sim.Datagram
	open          bool
	hashes        map[[32]byte]map[*node]bool      // nodes that have had the keys
	got, sent     map[*node]map[netip.AddrPort]int // bytes, by source or destination
}

func newHandshakeAttack(t *testing.T, flags uint8) *handshakeAttack {
	s := &handshakeAttack{
		world: newWorld(t, 1), hashes: map[[32]byte]map[*node]bool{},
		got: map[*node]map[netip.AddrPort]int{}, sent: map[*node]map[netip.AddrPort]int{},
	}
	allowed := map[[conn.KeySize]byte]bool{}
	change := func(c *conn.Config) {
		c.Suite = wire.Suite(1 + flags%2)
		c.MaxHandshakes, c.MaxHandshakesPerAddress, c.HandshakeRate, c.HandshakeBurst = maxHandshakes, 3, 1000, 100
		c.Authorize = func(_ context.Context, h conn.Handshake) bool { return allowed[h.Key] }
	}
	s.a, s.b, s.mallory = s.node(change), s.node(change), s.node(change)
	allowed[s.a.Key()], allowed[s.b.Key()] = true, true
	for _, n := range s.nodes {
		n.JobDelay = time.Duration(flags>>1%4) * 2 * time.Millisecond
		s.got[n], s.sent[n] = map[netip.AddrPort]int{}, map[netip.AddrPort]int{}
	}
	s.tap = s.watch
	s.a.dial(s.b)
	return s
}

// watch records what a node sends, and withholds it unless the network is open.
func (s *handshakeAttack) watch(from, to netip.AddrPort, data []byte) bool {
	for _, n := range s.nodes {
		if n.Addr() == from {
			s.sent[n][to] += len(data)
			s.recordKeys(n)
		}
		if n.Addr() == to && s.open {
			s.got[n][from] += len(data)
		}
	}
	s.seen = append(s.seen, sim.Datagram{At: s.Now(), From: from, To: to, Data: bytes.Clone(data)})
	return s.open
}

// recordKeys records the keys of n's sessions, confirmed or not.
func (s *handshakeAttack) recordKeys(n *node) {
	n.Endpoint().EachSession(func(p *conn.Peer, session *conn.TestSession) {
		hash := session.Hash()
		if s.hashes[hash] == nil {
			s.hashes[hash] = map[*node]bool{}
		}
		s.hashes[hash][n] = true
		require.Contains(s.t, [][conn.KeySize]byte{s.a.Key(), s.b.Key()}, p.Key)
		require.NotEqual(s.t, [conn.KeySize]byte(n.Key()), p.Key)
		// The dialer has the keys first. The responder has them from message 3,
		// which only the dialer can make.
		require.True(s.t, session.Dialer() || s.hashes[hash][s.other(n)], "the other side has never had these keys")
	})
}

func (s *handshakeAttack) other(n *node) *node {
	if n == s.a {
		return s.b
	}
	return s.a
}

func (s *handshakeAttack) next() byte {
	if len(s.in) == 0 {
		return 0
	}
	v := s.in[0]
	s.in = s.in[1:]
	return v
}

// pick returns one of the datagrams that were sent.
func (s *handshakeAttack) pick() sim.Datagram {
	return s.seen[int(s.next())%len(s.seen)]
}

// deliver makes a datagram arrive now.
func (s *handshakeAttack) deliver(from, to netip.AddrPort, data []byte) {
	for _, n := range s.nodes {
		if n.Addr() == to {
			s.got[n][from] += len(data)
		}
	}
	s.Inject(from, to, data, 0)
	s.run(0)
}

func (s *handshakeAttack) step() {
	op := s.next()
	if len(s.seen) == 0 {
		s.run(10 * time.Millisecond) // message 1 is not made yet
		return
	}
	switch op % fuzzSteps {
	case passOn:
		d := s.pick()
		s.deliver(d.From, d.To, d.Data)
	case divert:
		d, how := s.pick(), s.next()
		from := []netip.AddrPort{d.From, d.To, s.b.Addr(), otherAddr(203, how)}[how/16%4]
		s.deliver(from, s.nodes[how%3].Addr(), d.Data)
	case bendByte:
		d := s.pick()
		data := bytes.Clone(d.Data)
		data[int(s.next())%len(data)] ^= s.next()
		s.deliver(d.From, d.To, data)
	case cutShort:
		d := s.pick()
		n := int(s.next())
		s.deliver(d.From, d.To, append(bytes.Clone(d.Data), make([]byte, 256)...)[:n])
	case splice:
		d, e := s.pick(), s.pick()
		at := min(wire.HeaderSize, len(d.Data), len(e.Data))
		s.deliver(d.From, d.To, append(bytes.Clone(d.Data[:at]), e.Data[at:]...))
	case offer:
		if d, c := s.pick(), s.next(); d.Type() == wire.TypeInit {
			s.deliver(d.To, d.From, cookie.AppendChallenge(nil, d.Data, [wire.CookieSize]byte{c}))
		}
	case wait:
		s.run(time.Duration(s.next()) * 4 * time.Millisecond)
	case dialBack:
		s.b.dial(s.a)
	case ownKey:
		s.mallory.dial([]*node{s.a, s.b}[s.next()%2])
	case openClose:
		s.open = !s.open
	}
}

// checkCaps checks what an attacker could make grow.
func (s *handshakeAttack) checkCaps() {
	for _, n := range s.nodes {
		require.LessOrEqual(s.t, n.Stats().HandshakesInFlight, maxHandshakes)
		// A confirmed session, one that is not yet, and one whose attempt has
		// started over.
		require.LessOrEqual(s.t, n.Stats().Sessions, 3*n.Stats().Peers)
		require.Zero(s.t, n.Stats().HeldBytes)
		require.Zero(s.t, n.Stats().Strikes)
		require.LessOrEqual(s.t, n.Endpoint().ResponsesWaiting(), conn.MaxCandidates)
		for to, bytes := range s.sent[n] {
			if to.Addr().As4()[0] != 10 { // no node has it: this can only be an answer
				require.LessOrEqual(s.t, bytes, 3*s.got[n][to])
			}
		}
	}
}

// end opens the network, and checks that the two connect. The first dial may have
// failed, or be about to, as it does when nothing answers for 5 s.
func (s *handshakeAttack) end() {
	s.open = true
	s.setLink(sim.Link{Delay: time.Millisecond})
	s.run(10 * time.Millisecond)
	s.await(15*time.Second, func() bool {
		if p := s.a.Endpoint().Peer(s.b.Key()); p == nil || !p.Dialled() {
			s.a.dial(s.b)
		}
		return bothUp(s.a, s.b) && s.a.session(s.b).Hash() == s.b.session(s.a).Hash()
	})
	s.run(6 * time.Second) // unfinished handshakes have timed out
	s.checkCaps()
	s.checkAll()
	require.True(s.t, bothUp(s.a, s.b))
	require.Zero(s.t, s.mallory.count(conn.PeerUp))
	for _, n := range []*node{s.a, s.b} {
		require.Nil(s.t, n.Endpoint().Peer(s.mallory.Key()))
	}
	s.closeAll()
}
