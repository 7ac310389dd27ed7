package threat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// replayer delays each genuine packet from the peers to the hub, and sends copies
// of it, some of which arrive before it and some up to seconds later.
type replayer struct {
	s      *scene
	copies int           // of each packet
	late   time.Duration // maximum delay of a copy
	hold   time.Duration // maximum delay of the packet
	sent   int
	stop   func()
}

func (r *replayer) start() {
	random := r.s.Rand()
	r.stop = r.s.Tap(func(d sim.Datagram) (pass sim.Action) {
		if d.To != r.s.hub.Addr() || d.Type() != wire.TypeData {
			return pass
		}
		for range r.copies {
			delay := random.Float64() * float64(r.late)
			r.s.Inject(d.From, d.To, d.Data, time.Duration(delay))
			r.sent++
		}
		return sim.Action{Delay: time.Duration(random.Float64() * float64(r.hold))}
	})
}

// exactlyOnce is the oracle. For each epoch it holds the set of accepted counters
// and the highest one.
type exactlyOnce struct {
	bits   uint64 // size of the window
	epochs map[pipeline.ID]*passed
	wants  bool // whether the current packet must be accepted

	accepted, replayed, old int
	wrong                   int
}

type passed struct {
	set     map[uint64]bool
	highest uint64
}

// watch inserts the oracle before and after the hub's replay stage.
func (o *exactlyOnce) watch(cfg *intentra.Config) {
	cfg.Stages = func(set *stages.Set) error {
		set.InsertBefore("replay", pipeline.Func("oracle", nil, o.predict))
		set.InsertAfter("replay", pipeline.Func("check", nil, o.check))
		return nil
	}
}

func (o *exactlyOnce) predict(p *pipeline.Packet) pipeline.Verdict {
	e := o.epochs[p.Epoch]
	if e == nil {
		e = &passed{set: map[uint64]bool{}}
		o.epochs[p.Epoch] = e
	}
	o.wants = false
	switch {
	case e.set[p.Counter]:
		// The window may no longer cover the counter; then it is too old.
		if e.highest-p.Counter > o.bits {
			o.old++
		} else {
			o.replayed++
		}
	case e.highest > p.Counter && e.highest-p.Counter > o.bits:
		o.old++
	default:
		o.wants = true
		o.accepted++
		e.set[p.Counter] = true
		e.highest = max(e.highest, p.Counter)
	}
	if o.wants {
		o.wrong++ // until check sees the packet
	}
	return pipeline.Accept
}

func (o *exactlyOnce) check(p *pipeline.Packet) pipeline.Verdict {
	if o.wants {
		o.wrong--
	} else {
		o.wrong++
	}
	return pipeline.Accept
}

// The replay window accepts the counters that a set of all counters would accept.
// Each is delivered at most once, and exactly once if the window is as wide as the
// reordering.
func TestThreat10ReplayedPackets(t *testing.T) {
	copies := size(50)
	var r *replayer
	attack := func(s *scene) {
		r = &replayer{s: s, copies: copies, late: 2 * time.Second, hold: 100 * time.Millisecond}
		r.start()
	}
	judge := func(s *scene, o *exactlyOnce) {
		r.stop()
		s.run(r.late)
		require.Zero(t, o.wrong, "the window and the set disagree on this many packets")
		require.EqualValues(t, o.replayed, s.hub.Drops("replay", "replayed"))
		require.EqualValues(t, o.old, s.hub.Drops("replay", "too_old"))
		require.Zero(t, s.hub.Stats().Strikes)
		require.Zero(t, closes(s.hub.Stats()))
	}
	var o *exactlyOnce
	watch := func(bits int, rekeyAfter int) func(*intentra.Config) {
		return func(cfg *intentra.Config) {
			o = &exactlyOnce{bits: uint64(bits), epochs: map[pipeline.ID]*passed{}}
			o.watch(cfg)
			cfg.ReplayWindow = bits
			cfg.RekeyAfterPackets = rekeyAfter
		}
	}
	// Several epochs, each of which begins with counter zero.
	s, baseline, attacked := underAttack(t, 10, attack, watch(intentra.DefaultReplayWindow, 200))
	judge(s, o)
	require.Positive(t, s.hub.Stats().Rekeys)
	gone := s.hub.Drops("header", "unknown_index") // copies that arrived after their epoch closed
	require.EqualValues(t, r.sent, o.replayed+int(gone), "each copy is dropped")
	require.Equal(t, baseline, attacked)
	wide, copied := *o, r.sent

	// The smallest window, with reordering beyond it.
	s, _, narrowed := underAttack(t, 10, func(s *scene) { attack(s); r.hold = 2 * time.Second }, watch(64, 200))
	judge(s, o)
	require.Positive(t, o.old)
	narrow := *o

	// One epoch whose counters go around the default window more than once.
	s, _, filled := underAttack(t, 10, func(s *scene) {
		attack(s)
		r.copies, r.late = 2, 3*time.Second
		more := intentra.Message{Channel: 7, Intent: intentra.Realtime, Payload: []byte("another")}
		stop := s.Every(time.Second/5000, func() { s.peers[0].Send(s.hub.Key(), more) })
		s.After(honestTime, stop)
	}, watch(intentra.DefaultReplayWindow, 0))
	judge(s, o)
	require.Equal(t, baseline, filled)
	require.Zero(t, s.hub.Stats().Rekeys)
	highest := uint64(0)
	for _, e := range o.epochs {
		highest = max(highest, e.highest)
	}
	require.Greater(t, highest, uint64(2*intentra.DefaultReplayWindow))
	require.Positive(t, o.old)
	require.Equal(t, r.sent, o.replayed+o.old, "each copy is dropped")
	report(t, 10, "%d replays among packets out of order by 100 ms: replay/replayed %d, accepted %d, as a set says; "+
		"honest delivery %s without, %s with; with a window of 64 and disorder of 2 s: replayed %d, too_old %d, delivery %s, nothing twice; "+
		"with %d counters in one epoch: replayed %d, too_old %d",
		copied, wide.replayed, wide.accepted, percent(baseline), percent(attacked), narrow.replayed, narrow.old, percent(narrowed),
		highest, o.replayed, o.old)
}
