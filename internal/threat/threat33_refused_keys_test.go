package threat

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// refusedPeer is a node with a key that is not allowed, which keeps dialling.
type refusedPeer struct {
	*sim.Node
	proved  bool     // it has sent message 3 in this handshake
	dials   int      // ended dials
	errs    []error  // their errors
	finals  int      // messages 3, including repeats
	answers []string // datagrams received after message 3

	first    []byte // message 1 of this handshake, with its cookie
	replayed uint64 // replays of messages 1 by the attacker
}

func newRefusedPeer(s *scene, name string) *refusedPeer {
	x := &refusedPeer{Node: s.node(name, intentra.Config{})}
	s.Tap(func(d sim.Datagram) (pass sim.Action) {
		switch {
		case d.From == x.Addr() && d.Type() == wire.TypeInit:
			x.proved = false // a new handshake
			x.first = bytes.Clone(d.Data)
		case d.From == x.Addr() && d.Type() == wire.TypeFinal:
			if first := x.first; !x.proved {
				s.After(30*time.Millisecond, func() { s.Inject(x.Addr(), s.hub.Addr(), first, 0) })
				x.replayed++
			}
			x.proved = true
			x.finals++
		case d.To == x.Addr() && x.proved:
			x.answers = append(x.answers, fmt.Sprintf("%d bytes of type %d", len(d.Data), d.Type()))
		}
		return pass
	})
	x.OnEvent = func(ev sim.Event) {
		if ev.Kind == conn.DialEnded {
			x.dials++
			x.errs = append(x.errs, ev.Err)
			s.After(10*time.Millisecond, func() { _ = x.Dial(s.hub.Key()) })
		}
	}
	require.NoError(s.t, x.Dial(s.hub.Key()))
	return x
}

// A key that is not allowed is refused and counted after message 3 has proven it.
// From then on its owner is sent nothing, even if its message 1 is replayed, and the
// hub keeps neither a slot nor a peer for it. Authorize is called only for proven
// keys.
func TestThreat33RefusedKeys(t *testing.T) {
	allowed := map[intentra.PublicKey]bool{}
	asked, refusals := 0, 0
	var refused []*refusedPeer
	var hub *sim.Node
	s, baseline, attacked := underAttack(t, 33, func(s *scene) {
		// The honest peers are connected; from here on only they are allowed.
		hub = s.hub
		for _, p := range s.peers {
			allowed[p.Key()] = true
		}
		asked, refusals = 0, 0
		for i := range 4 {
			refused = append(refused, newRefusedPeer(s, fmt.Sprintf("refusedPeer%d", i)))
		}
		// Other dialers never send message 3.
		idle := &slotHolder{rawDialer: newRawDialer(s, 33)}
		stop := s.Every(50*time.Millisecond, func() { idle.again() })
		s.After(honestTime, stop)
	}, func(cfg *intentra.Config) {
		cfg.Authorize = func(_ context.Context, h intentra.Handshake) bool {
			asked++
			if len(allowed) > 0 && !allowed[h.Key] {
				refusals++
				return false
			}
			return true
		}
	})
	// For another half minute, honest peers reconnect now and then.
	for range 6 {
		p := s.peers[s.Rand().Uint64N(uint64(len(s.peers)))]
		p.ClosePeer(hub.Key(), wire.CloseNormal)
		s.run(5 * time.Second)
		s.connect(p)
	}
	for _, x := range refused {
		x.OnEvent = nil // stop dialling
	}
	s.run(10 * time.Second)

	stats := hub.Stats()
	dials, finals, replayed := 0, 0, uint64(0)
	for _, x := range refused {
		require.Greater(t, x.dials, 3)
		require.Greater(t, x.finals, x.dials, "message 3 was not repeated")
		require.Empty(t, x.answers, "a refused key was sent something")
		for _, err := range x.errs {
			require.ErrorIs(t, err, conn.ErrNotConfirmed)
		}
		require.False(t, x.Connected(hub.Key()))
		require.Zero(t, x.Heard(conn.PeerUp))
		dials += x.dials
		finals += x.finals
		replayed += x.replayed
	}
	require.EqualValues(t, refusals, stats.Handshakes[conn.HandshakeRefused])
	require.GreaterOrEqual(t, refusals, dials)
	require.EqualValues(t, refusals, replayed)
	require.Equal(t, replayed, stats.Handshakes[conn.HandshakeReplayed])
	require.EqualValues(t, finals-refusals, stats.Handshakes[conn.HandshakeUnknown], "repeats of message 3 belong to no handshake")
	require.EqualValues(t, refusals+6, asked)
	require.Zero(t, stats.HandshakesInFlight, "a refused key keeps a slot")
	require.Equal(t, len(s.peers), stats.Peers)
	require.Equal(t, len(s.peers), stats.Sessions)
	require.Equal(t, baseline, attacked)
	report(t, 33, "%d dials with %d keys that are not allowed, message 3 sent %d times: refused %d, unknown %d, replayed %d, datagrams sent after message 3: 0, slots and peers kept: 0; honest delivery %s without, %s with",
		dials, len(refused), finals, refusals, stats.Handshakes[conn.HandshakeUnknown], replayed, percent(baseline), percent(attacked))
}
