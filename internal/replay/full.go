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

// full replays a journal: the driver of a core that does what the recorded one
// was asked to do.
type full struct {
	o       Options
	core    *conn.Endpoint
	labels  []pipeline.DropCount
	random  randomness
	statics map[journal.Key]conn.Identity

	peers  map[uint64]*conn.Peer // that are not yet forgotten
	known  uint64                // peers are numbered from zero
	jobs   map[uint64]*conn.Job
	pushes map[uint64][]*journal.Entry // by peer, not yet made

	// The entry in hand, and what is heard of it.
	entry *journal.Entry
	*viewing
	drops   []int
	outcome journal.Outcome
	asked   int // for room

	waiting []wire.Datagram // what Outgoing has returned, and no entry has named
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
		return nil, captureError("the recording is of another version")
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
		return nil, impossible(fmt.Sprintf("a configuration that cannot be read: %v", err))
	}
	if err := checkConfig(&cfg); err != nil {
		return nil, err
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

// result is called behind the last item. In a recording that ends in the middle
// the last datagrams may have been sent, and the file not have got to say so.
func (f *full) result() Result {
	if f.res.Whole {
		f.unsaid()
	}
	f.core.Inbound().Publish()
	f.core.Outbound().Publish()
	f.res.Inbound, f.res.Outbound = f.core.Inbound().Counts(), f.core.Outbound().Counts()
	return f.res
}

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
	case journal.Push:
		if err := checkPush(e); err != nil {
			return fmt.Errorf("%w (behind packet %d)", err, f.packet)
		}
		f.res.Pushes++
		if f.forgotten(e.Peer) {
			return nil // to a peer whose queue nobody looks at
		}
		f.pushes[e.Peer] = append(f.pushes[e.Peer], e)
		return nil
	case journal.Sent:
		f.sent(e)
		return nil
	case journal.Started:
		return impossible("another one")
	}
	if err := checkEntry(it); err != nil {
		return fmt.Errorf("%w (behind packet %d)", err, f.packet)
	}
	f.unsaid()
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

// takeEvents learns of peers, and forgets them as the core does.
func (f *full) takeEvents() {
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

// forgotten reports whether a peer has been known. What its user still asks of it
// has no effect.
func (f *full) forgotten(number uint64) bool {
	return f.peers[number] == nil && number < f.known
}

func (f *full) differ(what, recorded, replayed string) {
	if f.random.cut {
		return // it could not be the same
	}
	f.res.Differences[what]++
	if f.o.Difference != nil {
		f.o.Difference(Difference{Packet: f.packet, What: what, Recorded: recorded, Replayed: replayed})
	}
}
