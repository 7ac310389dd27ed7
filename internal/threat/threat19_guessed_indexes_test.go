package threat

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// guesser sends packets with guessed receiver indexes from random addresses. It
// tries all indexes with low numbers, which include those in use.
type guesser struct {
	s      *scene
	random *rand.Rand
	next   uint32
	sent   int
	hits   int                           // guesses of a live index
	live   map[uint32]intentra.PublicKey // owners of the live indexes
	heard  int                           // datagrams to an address of the guesser
}

// guess sends n packets, each with the next index. Each 20-bit number is tried with
// all values of the other 12 bits, of which 8 are the generation.
func (g *guesser) guess(n int) {
	for range n {
		index := g.next&0xfff<<20 | g.next>>12
		g.next++
		peer, hit := g.live[index]
		knows := ""
		if hit {
			g.hits++
			knows = g.state(peer)
		}
		b := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: index, Counter: g.random.Uint64N(1 << 16)})
		b = binary.BigEndian.AppendUint64(b, g.random.Uint64())
		b = binary.BigEndian.AppendUint64(b, g.random.Uint64())
		b = binary.BigEndian.AppendUint64(b, g.random.Uint64())
		g.s.Inject(g.address(), g.s.hub.Addr(), b, 0)
		g.sent++
		if hit {
			g.s.After(0, func() { require.Equal(g.s.t, knows, g.state(peer), "a hit changed the state") })
		}
	}
}

// state returns the hub's state that a genuine packet of the peer would change.
func (g *guesser) state(peer intentra.PublicKey) string {
	h := g.s.hub
	at := func(path ...string) string { return written(session(g.s.t, h, peer, path...)) }
	return fmt.Sprint(h.PeerStats(peer), at("received"), at("newest"), at("path"), at("remote"), at("current", "received"))
}

func (g *guesser) address() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(g.random.Uint32()), byte(g.random.Uint32())}), 1)
}

func newGuesser(s *scene) *guesser {
	g := &guesser{s: s, random: rand.New(rand.NewPCG(19, 19)), live: map[uint32]intentra.PublicKey{}}
	owner := map[netip.AddrPort]intentra.PublicKey{}
	for _, p := range s.peers {
		owner[p.Addr()] = p.Key()
	}
	s.Tap(func(d sim.Datagram) (pass sim.Action) {
		if d.To == s.hub.Addr() && d.Type() == wire.TypeData {
			_, index, _ := wire.Peek(d.Data)
			g.live[index] = owner[d.From]
		}
		if ip := d.To.Addr().As4(); ip[0] == 198 {
			g.heard++
		}
		return pass
	})
	return g
}

// A guess of a live index costs one failed decryption, any other guess one look-up.
// Neither has an effect or is answered.
func TestThreat19GuessedIndexes(t *testing.T) {
	const all = 32 * 4096 // indexes of the numbers 0 to 31, which include the sessions'
	total := size(all)
	var g *guesser
	type effects struct {
		handshakes, closes, strikes, roams, cookies, rekeys uint64
		sessions, peers, inFlight                           int
	}
	look := func(s *scene) effects {
		st := s.hub.Stats()
		var handshakes uint64
		for _, n := range st.Handshakes {
			handshakes += n
		}
		return effects{handshakes, closes(st), st.Strikes, st.Roams, st.CookiesSent, st.Rekeys, st.Sessions, st.Peers, st.HandshakesInFlight}
	}
	var before effects
	s, baseline, attacked := underAttack(t, 19, func(s *scene) {
		g = newGuesser(s)
		for _, p := range s.peers {
			p.Send(s.hub.Key(), greeting)
		}
		s.run(100 * time.Millisecond)
		require.Len(t, g.live, len(s.peers))
		before = look(s)
		g.next = 0
		each := time.Millisecond
		s.Every(each, func() { g.guess(min(total/int(honestTime/each)+1, total-g.sent)) })
	})
	require.Equal(t, total, g.sent)
	if total == all {
		require.Equal(t, len(g.live), g.hits, "each session is hit once")
	}
	for index := range g.live {
		require.Less(t, pipeline.ID(index).Number(), uint32(32))
	}
	opens, misses := s.hub.Drops("aead", "forged"), s.hub.Drops("header", "unknown_index")
	limited := s.hub.Drops("ratelimit", "address_rate")
	require.EqualValues(t, g.hits, opens)
	require.EqualValues(t, g.sent-g.hits, misses+limited)
	packets, _ := s.hub.AllDrops()
	require.EqualValues(t, g.sent, packets, "no other packet is dropped")
	require.Equal(t, before, look(s))
	require.Zero(t, g.heard)
	require.Equal(t, baseline, attacked)
	report(t, 19, "%d guessed indexes: aead/forged %d for %d hits, header/unknown_index %d, ratelimit/address_rate %d, no answer, no effect; honest delivery %s without, %s with",
		g.sent, opens, g.hits, misses, limited, percent(baseline), percent(attacked))
}
