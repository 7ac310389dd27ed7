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

// replayer sends each genuine packet of the peers to the hub again, some copies
// before it and some up to seconds behind it, and holds the packet up.
type replayer struct {
	s      *scene
	copies int           // of each packet
	late   time.Duration // how long a copy is kept at most
	hold   time.Duration // how long a packet is held up at most
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

// exactlyOnce is the oracle: a set of the counters that have passed, and the
// highest, for each epoch.
type exactlyOnce struct {
	bits   uint64 // how far the window reaches
	epochs map[pipeline.ID]*passed
	wants  bool // what is to become of the packet in hand

	accepted, replayed, old int
	wrong                   int
}

type passed struct {
	set     map[uint64]bool
	highest uint64
}

// watch puts the oracle around the replay window of the hub.
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
		// A window may have forgotten that; it refuses all the same.
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
		o.wrong++ // until it passes
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

// Each counter is delivered at most once, and with a window as wide as the
// disorder exactly once: as a set says that keeps all of them.
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
		require.Zero(t, o.wrong, "packets that the window has judged otherwise than the set")
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
	// Several epochs, whose counters all begin at zero.
	s, baseline, attacked := underAttack(t, 10, attack, watch(intentra.DefaultReplayWindow, 200))
	judge(s, o)
	require.Positive(t, s.hub.Stats().Rekeys)
	gone := s.hub.Drops("header", "unknown_index") // copies that have outlived their epoch
	require.EqualValues(t, r.sent, o.replayed+int(gone), "all copies")
	require.Equal(t, baseline, attacked)
	wide, copied := *o, r.sent

	// The narrowest window, and disorder beyond it.
	s, _, narrowed := underAttack(t, 10, func(s *scene) { attack(s); r.hold = 2 * time.Second }, watch(64, 200))
	judge(s, o)
	require.Positive(t, o.old)
	narrow := *o

	// One epoch that fills the usual window, and goes round it more than once.
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
	require.Equal(t, r.sent, o.replayed+o.old, "all copies")
	report(t, 10, "%d replays among packets out of order by 100 ms: replay/replayed %d, accepted %d, as a set says; "+
		"honest delivery %s without, %s with; with a window of 64 and disorder of 2 s: replayed %d, too_old %d, delivery %s, nothing twice; "+
		"with %d counters in one epoch: replayed %d, too_old %d",
		copied, wide.replayed, wide.accepted, percent(baseline), percent(attacked), narrow.replayed, narrow.old, percent(narrowed),
		highest, o.replayed, o.old)
}
