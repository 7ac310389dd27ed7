package threat

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// forger knows the receiver index of a peer's session, and sends packets with that
// index, but not the key.
type forger struct {
	s      *scene
	victim *sim.Node
	index  uint32 // the hub's receiver index for the victim
	sent   int

	genuine uint64 // packets sent by the victim
}

// newForger returns a forger that learns the index from the victim's packets.
func newForger(s *scene, victim *sim.Node) *forger {
	f := &forger{s: s, victim: victim}
	s.Tap(func(d sim.Datagram) (pass sim.Action) {
		if d.From == victim.Addr() && d.Type() == wire.TypeData {
			_, f.index, _ = wire.Peek(d.Data)
			f.genuine++
		}
		return pass
	})
	return f
}

// forge sends n packets from the victim's address, with random counters and random
// bytes in place of sealed frames.
func (f *forger) forge(n int) {
	random := rand.New(rand.NewPCG(uint64(f.sent), 2))
	for range n {
		counter := random.Uint64N(1 << 20)
		b := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: f.index, Counter: counter})
		for range 4 {
			b = binary.BigEndian.AppendUint64(b, random.Uint64())
		}
		f.s.Inject(f.victim.Addr(), f.s.hub.Addr(), b, 0)
		f.sent++
	}
}

// 10^6 forgeries close no session, count as no strike, and change no state.
func TestThreat02ForgeriesUnderAKnownIndex(t *testing.T) {
	total := 1_000_000
	if testing.Short() {
		total = 50_000
	}
	const each = 10 * time.Millisecond
	batch := total / int(honestTime/each)
	var f *forger
	var before uint64 // packets accepted as the victim's
	s, baseline, attacked := underAttack(t, 2, func(s *scene) {
		f = newForger(s, s.peers[0])
		before = s.hub.PeerStats(f.victim.Key()).PacketsIn
		s.peers[0].Send(s.hub.Key(), greeting)
		s.run(100 * time.Millisecond)
		s.Every(each, func() { f.forge(min(batch, total-f.sent)) })
	})
	stats := s.hub.Stats()
	require.EqualValues(t, total, f.sent)
	require.EqualValues(t, total, s.hub.Drops("aead", "forged"))
	require.Equal(t, f.genuine, s.hub.PeerStats(f.victim.Key()).PacketsIn-before, "a forgery was accepted as the victim's")
	require.Zero(t, stats.Rekeys, "a forged counter caused a rekey")
	require.Zero(t, stats.Strikes)
	require.Zero(t, closes(stats))
	require.Equal(t, len(s.peers), stats.Sessions)
	require.Equal(t, baseline, attacked)
	report(t, 2, "%d forgeries: aead/forged %d, strikes 0, sessions closed 0; honest delivery %s without, %s with",
		total, s.hub.Drops("aead", "forged"), percent(baseline), percent(attacked))
}
