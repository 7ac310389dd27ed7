package replay

import (
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// full replays a recording. It is the driver of a core, and makes the calls that
// were recorded.
type full struct {
	o       Options
	core    *conn.Endpoint
	labels  []pipeline.DropCount
	random  randomness
	statics map[journal.Key]conn.Identity

	peers  map[uint64]*conn.Peer // by number, except those forgotten
	known  uint64                // numbers below it have been in use
	jobs   map[uint64]*conn.Job
	pushes map[uint64][]*journal.Entry // by peer, not yet queued, with what they displaced

	// The current entry, and its outcome in the replay.
	entry *journal.Entry
	*viewing
	drops   []int
	outcome journal.Outcome
	asked   int // calls of room

	waiting []wire.Datagram // sent by the core, not yet compared
	res     Result
}

func newFull(o Options, views *viewing, start *journal.Start) (*full, error) {
	f := &full{
		o: o, viewing: views, random: randomness{rest: o.Keys.Random, whole: o.Keys.Whole}, statics: map[journal.Key]conn.Identity{},
		peers: map[uint64]*conn.Peer{}, jobs: map[uint64]*conn.Job{}, pushes: map[uint64][]*journal.Entry{},
		res: Result{Journal: true, Differences: map[string]int{}},
	}
	switch {
	case start == nil || start.Version != journal.Version:
		return nil, captureError("the recording has another version of the format")
	case o.Keys.Recording == "" && !o.Keys.Whole:
		return nil, ErrKeysCut
	case o.Keys.Recording != start.Recording:
		return nil, ErrKeys
	}
	for _, private := range o.Keys.Statics {
		s, err := conn.NewIdentity(private)
		if err != nil {
			return nil, ErrKeys
		}
		f.statics[s.Public()] = s
	}
	var cfg conn.Config
	if err := json.Unmarshal(start.Config, &cfg); err != nil {
		return nil, impossible(fmt.Sprintf("an unreadable configuration: %v", err))
	}
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, impossible(fmt.Sprintf("a configuration whose %v", err))
	}
	if cfg.Identity = f.statics[start.Key]; cfg.Identity.IsZero() {
		if !o.Keys.Whole {
			return nil, ErrKeysCut
		}
		return nil, ErrKeys
	}
	cfg.Rand, cfg.Logger, cfg.BuildOptions = &f.random, slog.New(slog.DiscardHandler), o.BuildOptions
	if start.Authorizes {
		cfg.Authorize = f.authorize
	}
	cfg.SendMemory = 1 << 30 // what it made the queues drop is recorded
	cfg.Deliver, cfg.Room, cfg.Touched = f.deliver, f.room, func(*conn.Peer) {}
	cfg.Journal = conn.Journal{Step: f.step, Dropped: func(row int) { f.drops = append(f.drops, row) }}
	cfg.Stages = chainOf(o, views, start.Inbound, start.Outbound)
	core, err := conn.New(cfg)
	if f.random.cut {
		return nil, ErrKeysCut
	}
	if err != nil {
		return nil, err
	}
	f.core, f.labels = core, core.Inbound().DropLabels()
	return f, nil
}

// result is called after the last item. If the recording was cut off, the last
// datagrams may have been sent without having been written to the file.
func (f *full) result() Result {
	if f.res.Whole {
		f.unrecorded()
	}
	f.core.Inbound().Publish()
	f.core.Outbound().Publish()
	f.res.Inbound, f.res.Outbound = f.core.Inbound().Counts(), f.core.Outbound().Counts()
	return f.res
}

// item replays one item.
func (f *full) item(it journal.Item) error {
	if it.Packet != nil {
		f.packet = it.Packet.Number
	}
	e := it.Entry
	if e == nil {
		f.res.Other++
		return nil
	}
	switch e.Kind {
	case journal.Push, journal.Displaced:
		if err := checkPush(e); err != nil {
			return fmt.Errorf("%w (after packet %d)", err, f.packet)
		}
		if e.Kind == journal.Push {
			f.res.Pushes++
		}
		if f.forgotten(e.Peer) {
			return nil // the core has let go of this queue
		}
		f.pushes[e.Peer] = append(f.pushes[e.Peer], e)
		return nil
	case journal.Sent:
		f.sent(e)
		return nil
	case journal.Started:
		return impossible("a second start")
	}
	if err := checkEntry(it); err != nil {
		return fmt.Errorf("%w (after packet %d)", err, f.packet)
	}
	f.unrecorded()
	f.res.Entries++
	f.entry, f.outcome, f.asked, f.drops = e, journal.Outcome{}, 0, f.drops[:0]
	switch e.Kind {
	case journal.Received:
		f.received(it.Packet, e)
	case journal.Outgoing:
		f.waiting = append(f.waiting, f.core.Outgoing()...)
	case journal.Ended:
		f.ended(e.End)
	default:
		f.call(e)
	}
	f.takeEvents()
	if f.random.cut {
		return ErrKeysCut
	}
	return nil
}

// takeEvents adds the peers that events name, and removes those forgotten by the
// core.
func (f *full) takeEvents() {
	f.core.Deliveries(0) // they would accumulate
	for f.core.HasEvents() {
		for _, ev := range f.core.Events() {
			if ev.Kind == conn.PeerForgotten {
				delete(f.peers, ev.Peer.Number())
				delete(f.pushes, ev.Peer.Number())
				f.known = max(f.known, ev.Peer.Number()+1)
				continue
			}
			f.know(ev.Peer)
		}
	}
}

func (f *full) know(p *conn.Peer) {
	f.peers[p.Number()] = p
	f.known = max(f.known, p.Number()+1)
}

// forgotten reports whether the core has forgotten the peer. Calls for it
// then have no effect.
func (f *full) forgotten(number uint64) bool {
	return f.peers[number] == nil && number < f.known
}

func (f *full) differ(what, recorded, replayed string) {
	if f.random.cut {
		return // without its randomness nothing can be identical
	}
	f.res.Differences[what]++
	if f.o.Difference != nil {
		f.o.Difference(Difference{Packet: f.packet, What: what, Recorded: recorded, Replayed: replayed})
	}
}
