package threat

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/sim"
)

// The honest traffic of a scene.
const (
	honestPeers = 3
	honestRate  = 100             // states/s from each peer to the hub, and back
	honestTime  = 5 * time.Second // duration of the traffic
)

// scene is a world of honest peers around a hub, to which tests add an adversary.
// It is determined by its seed.
type scene struct {
	*sim.World
	t     testing.TB
	hub   *sim.Node
	peers []*sim.Node

	seen map[honest]bool
}

// honest names one state.
type honest struct {
	to, from string
	number   uint64
}

// newScene connects the honest peers to the hub, whose Config is modified by
// change. The world checks conservation at each step.
func newScene(t testing.TB, seed uint64, change ...func(hub *intentra.Config)) *scene {
	race.SkipHistory(t)
	s := &scene{World: sim.New(seed), t: t, seen: map[honest]bool{}}
	s.Check("conservation", sim.Conservation)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d, %v into the run, %v", seed, s.Elapsed(), s.Err())
		}
	})
	cfg := intentra.Config{Authorize: intentra.AllowAny}
	for _, c := range change {
		c(&cfg)
	}
	s.hub = s.node("hub", cfg)
	for i := range honestPeers {
		s.peers = append(s.peers, s.node(fmt.Sprintf("peer%d", i), intentra.Config{}))
	}
	for _, p := range s.peers {
		s.connect(p)
	}
	return s
}

// node adds a node with an address of its own.
func (s *scene) node(name string, cfg intentra.Config) *sim.Node {
	n, err := s.Node(name, netip.AddrPort{}, cfg)
	require.NoError(s.t, err)
	return n
}

// connect connects p to the hub.
func (s *scene) connect(p *sim.Node) {
	s.t.Helper()
	require.NoError(s.t, p.Dial(s.hub.Key()))
	s.await(5*time.Second, func() bool { return p.Connected(s.hub.Key()) && s.hub.Connected(p.Key()) })
}

// await runs the world until done returns true, and returns the elapsed time. It
// fails the test if that takes longer than d.
func (s *scene) await(d time.Duration, done func() bool) time.Duration {
	s.t.Helper()
	took, ok := s.Until(d, done)
	require.NoError(s.t, s.Err())
	require.True(s.t, ok, "condition not met within %v", d)
	return took
}

// run runs the world for d.
func (s *scene) run(d time.Duration) {
	s.t.Helper()
	require.NoError(s.t, s.Run(d))
}

// traffic makes the honest peers and the hub exchange states for honestTime, and
// returns the share that arrived. It fails the test if a state arrives that was
// never sent, or arrives twice.
func (s *scene) traffic() (delivery float64) {
	s.t.Helper()
	names := map[intentra.PublicKey]string{s.hub.Key(): s.hub.Name()}
	for _, p := range s.peers {
		names[p.Key()] = p.Name()
	}
	sent, got := 0, 0
	for _, n := range append([]*sim.Node{s.hub}, s.peers...) {
		before := n.OnMessage
		n.OnMessage = func(from intentra.PublicKey, m intentra.Message) {
			if before != nil {
				before(from, m)
			}
			name, known := names[from]
			if !known || m.Intent != intentra.Realtime || len(m.Payload) != 8 {
				return // a message of the adversary
			}
			h := honest{n.Name(), name, binary.BigEndian.Uint64(m.Payload)}
			require.False(s.t, s.seen[h], "%v was delivered twice", h)
			require.Less(s.t, h.number, uint64(sent), "%v was never sent", h)
			s.seen[h] = true
			got++
		}
		defer func() { n.OnMessage = before }()
	}
	send := func(from, to *sim.Node) {
		payload := binary.BigEndian.AppendUint64(nil, uint64(sent))
		from.Send(to.Key(), intentra.Message{Channel: 1, Intent: intentra.Realtime, Payload: payload})
		sent++
	}
	stop := s.Every(time.Second/honestRate, func() {
		for _, p := range s.peers {
			send(p, s.hub)
			send(s.hub, p)
		}
	})
	s.run(honestTime)
	stop()
	s.run(time.Second)
	require.Positive(s.t, sent)
	return float64(got) / float64(sent)
}

// underAttack runs the same traffic without and with an attack, and returns the
// attacked scene and both delivery rates. attack starts the adversary once the
// honest peers are connected. States whose Send fails count as sent.
func underAttack(t testing.TB, seed uint64, attack func(s *scene), change ...func(hub *intentra.Config)) (s *scene, baseline, attacked float64) {
	t.Helper()
	baseline = newScene(t, seed, change...).traffic()
	s = newScene(t, seed, change...)
	attack(s)
	return s, baseline, s.traffic()
}

// report logs the results of a row, from which the table in docs/THREATMODEL.md is
// filled, in one line that begins with the row's number.
func report(t testing.TB, row int, format string, args ...any) {
	t.Helper()
	t.Logf("row %02d: %s", row, fmt.Sprintf(format, args...))
}

// percent formats a share.
func percent(x float64) string { return fmt.Sprintf("%.2f %%", 100*x) }

// greeting is a message outside of the honest traffic.
var greeting = intentra.Message{Channel: 7, Intent: intentra.Realtime, Payload: []byte("greeting")}

// closes returns the number of sessions closed for any reason.
func closes(st conn.Stats) (sum uint64) {
	for _, n := range st.Closes {
		sum += n
	}
	return sum
}
