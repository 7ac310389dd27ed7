package threat

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/keyledger"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// restarter kills and suspends the hub and a peer, and sets their clocks forward.
// All of their processes record in one ledger what they seal.
type restarter struct {
	*scene
	ledger *keyledger.Ledger
	starts int
	slow   time.Duration // longest time until both were connected again
	over   bool          // the test has succeeded
}

// newRestarter returns a restarter with a hub and a peer, which are not connected.
func newRestarter(t *testing.T, seed uint64, ledger *keyledger.Ledger) (r *restarter, hub, peer *sim.Node) {
	s := &scene{World: sim.New(seed), t: t, seen: map[honest]bool{}}
	s.Check("conservation", sim.Conservation)
	r = &restarter{scene: s, ledger: ledger}
	t.Cleanup(func() {
		if !r.over {
			t.Logf("in world %d, %v into the run, %v", seed, s.Elapsed(), s.Err())
		}
	})
	hub = s.node("hub", r.watched("hub", seed, intentra.Config{Authorize: intentra.AllowAny}))
	peer = s.node("peer", r.watched("peer", seed, intentra.Config{}))
	return r, hub, peer
}

// watched makes each process that is started with cfg an owner in the ledger.
func (r *restarter) watched(name string, seed uint64, cfg intentra.Config) intentra.Config {
	cfg.Stages = func(s *stages.Set) error {
		r.starts++
		s.Seal.Observe(r.ledger.Owner(fmt.Sprintf("%s, world %d, start %d", name, seed, r.starts)))
		return nil
	}
	return cfg
}

// up waits until messages pass in both directions.
func (r *restarter) up(hub, peer *sim.Node, within time.Duration) {
	r.t.Helper()
	atHub, atPeer := hub.Delivered(), peer.Delivered()
	stop := r.Every(20*time.Millisecond, func() {
		peer.Send(hub.Key(), greeting)
		hub.Send(peer.Key(), greeting)
	})
	took := r.await(within, func() bool {
		return hub.Delivered() > atHub && peer.Delivered() > atPeer && peer.Connected(hub.Key()) && hub.Connected(peer.Key())
	})
	stop()
	r.slow = max(r.slow, took)
}

// When clocks jump or stop, or a process is killed after any datagram of a handshake
// and restarted with the same key, both sides are connected again within 5 s, and no
// key seals a counter twice.
func TestThreat31ClockJumpsAndKills(t *testing.T) {
	race.SkipHistory(t)
	ledger := keyledger.New()
	const limit = 5 * time.Second
	jumps, slowJump := threat31Jumps(t, ledger, limit)
	kills, slowKill := threat31Kills(t, ledger, limit)
	require.Empty(t, ledger.Faults())
	require.Greater(t, ledger.Keys(), kills)
	require.NotZero(t, ledger.Seals())
	report(t, 31, "%d jumps and sleeps, %d kills at the steps of a handshake: up again within %v; %d keys, %d packets, no (key, counter) twice",
		jumps, kills, max(slowJump, slowKill).Round(time.Millisecond), ledger.Keys(), ledger.Seals())
}

// threat31Jumps changes the clock of one side of a session, or of both.
func threat31Jumps(t *testing.T, ledger *keyledger.Ledger, limit time.Duration) (times int, slowest time.Duration) {
	asleep := func(sleep func(*sim.Node)) func(r *restarter, nodes []*sim.Node, d time.Duration) {
		return func(r *restarter, nodes []*sim.Node, d time.Duration) {
			for _, n := range nodes {
				sleep(n)
			}
			r.run(d)
			for _, n := range nodes {
				n.Resume()
			}
		}
	}
	for seed, change := range []func(r *restarter, nodes []*sim.Node, d time.Duration){
		func(_ *restarter, nodes []*sim.Node, d time.Duration) {
			for _, n := range nodes {
				n.JumpClock(d)
			}
		},
		asleep((*sim.Node).Suspend),
		asleep((*sim.Node).Pause),
	} {
		for who := 1; who <= 3; who++ {
			for _, d := range []time.Duration{time.Second, 30 * time.Second, 61 * time.Second, 15 * time.Minute, 30 * 24 * time.Hour} {
				if d > time.Hour && seed > 0 {
					continue // would simulate a month of dialling
				}
				r, hub, peer := newRestarter(t, uint64(times), ledger)
				require.NoError(t, peer.Dial(hub.Key()))
				r.up(hub, peer, limit)
				nodes := []*sim.Node{hub, peer}
				if who < 3 {
					nodes = nodes[who-1 : who]
				}
				change(r, nodes, d)
				r.up(hub, peer, limit)
				if d > intentra.DefaultIdleTimeout && (seed != 1 || who < 3) {
					require.NotZero(t, hub.Heard(conn.PeerDown)+peer.Heard(conn.PeerDown), "no session expired: change %d, nodes %d, %v", seed, who, d)
					idle := hub.Stats().Closes[wire.CloseIdle] + peer.Stats().Closes[wire.CloseIdle]
					// A node whose clock was suspended with it does not notice. Then
					// the other one reconnects and replaces the session.
					require.True(t, idle > 0 || seed == 1 && who == 1, "no session was closed as idle: change %d, nodes %d, %v", seed, who, d)
				}
				times, slowest, r.over = times+1, max(slowest, r.slow), true
			}
		}
	}
	return times, slowest
}

// threat31Kills kills one side after the n-th datagram of a handshake, for every n:
// of the first handshake, and of the one after an earlier kill.
func threat31Kills(t *testing.T, ledger *keyledger.Ledger, limit time.Duration) (kills int, slowest time.Duration) {
	const steps, down = 12, 10 * time.Millisecond
	for _, again := range []bool{false, true} {
		for who := range 2 {
			for step := range steps {
				r, hub, peer := newRestarter(t, uint64(1000+kills), ledger)
				require.NoError(t, peer.Dial(hub.Key()))
				if again {
					r.up(hub, peer, limit)
					require.NoError(t, hub.Restart())
					peer.Send(hub.Key(), greeting)
				}
				left, killed := 0, false
				remove := r.Tap(func(d sim.Datagram) (pass sim.Action) {
					if again && d.Type() == wire.TypeData && left == 0 {
						return pass // of the old session
					}
					if left++; left == step+1 {
						r.After(0, func() { [2]*sim.Node{hub, peer}[who].Kill(); killed = true })
					}
					return pass
				})
				r.await(limit, func() bool { return killed })
				remove()
				r.run(down)
				require.NoError(t, [2]*sim.Node{hub, peer}[who].Restart())
				if who == 1 {
					require.NoError(t, peer.Dial(hub.Key()))
				}
				r.up(hub, peer, limit)
				kills, slowest, r.over = kills+1, max(slowest, r.slow), true
			}
		}
	}
	return kills, slowest
}
