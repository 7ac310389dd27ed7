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
	"github.com/intentra/intentra/sim"
)

// What the honest peers of a scene do unless a test changes it.
const (
	honestPeers = 3
	honestRate  = 100             // states/s from each to the hub, and from the hub to each
	honestTime  = 5 * time.Second // for which they do it
)

// scene is honest peers around a hub, and the adversary's place beside them.
// Everything is decided by the seed.
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

// newScene connects the honest peers with the hub, whose Config change may
// alter. The world checks conservation at each step.
func newScene(t testing.TB, seed uint64, change ...func(hub *intentra.Config)) *scene {
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

// node adds a node at an address of its own, by which the honest ones know it.
func (s *scene) node(name string, cfg intentra.Config) *sim.Node {
	n, err := s.Node(name, netip.AddrPort{}, cfg)
	require.NoError(s.t, err)
	return n
}

// connect has p connected with the hub.
func (s *scene) connect(p *sim.Node) {
	s.t.Helper()
	require.NoError(s.t, p.Dial(s.hub.Key()))
	s.await(5*time.Second, func() bool { return p.Connected(s.hub.Key()) && s.hub.Connected(p.Key()) })
}

// await runs until done, which must be within d, and returns how long it took.
func (s *scene) await(d time.Duration, done func() bool) time.Duration {
	s.t.Helper()
	took, ok := s.Until(d, done)
	require.NoError(s.t, s.Err())
	require.True(s.t, ok, "not within %v", d)
	return took
}

// run lets the time pass.
func (s *scene) run(d time.Duration) {
	s.t.Helper()
	require.NoError(s.t, s.Run(d))
}

// traffic has the honest peers and the hub send for honestTime, and waits for
// the last states. It returns the share that has arrived; each must be one that
// was sent, and arrive once.
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
				return // the adversary's own
			}
			h := honest{n.Name(), name, binary.BigEndian.Uint64(m.Payload)}
			require.False(s.t, s.seen[h], "%v has been delivered twice", h)
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

// underAttack runs the same traffic in baseline and under attack, which starts the
// adversary once the honest peers are connected; and returns the scene of the
// attack and both deliveries. A state counts as sent though its Send was
// refused.
func underAttack(t testing.TB, seed uint64, attack func(s *scene), change ...func(hub *intentra.Config)) (s *scene, baseline, attacked float64) {
	t.Helper()
	baseline = newScene(t, seed, change...).traffic()
	s = newScene(t, seed, change...)
	attack(s)
	return s, baseline, s.traffic()
}

// report prints a row's figure, in one line that begins with its number. It is
// what the table of docs/THREATMODEL.md is filled with.
func report(t testing.TB, row int, format string, args ...any) {
	t.Helper()
	t.Logf("row %02d: %s", row, fmt.Sprintf(format, args...))
}

// percent writes a share.
func percent(x float64) string { return fmt.Sprintf("%.2f %%", 100*x) }

// greeting is a message that is not part of the honest traffic.
var greeting = intentra.Message{Channel: 7, Intent: intentra.Realtime, Payload: []byte("greeting")}

// closes returns how many sessions have ended, for whatever reason.
func closes(st conn.Stats) (sum uint64) {
	for _, n := range st.Closes {
		sum += n
	}
	return sum
}
