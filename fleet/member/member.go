// Package member is the state machine of one hub in a fleet: which hubs there are, which
// publishers and topics they have, which hub wants which topic, and in which order updates
// count. It
// has no clock, goroutine or connection: it is called with the time, for each message, and
// sends through a [Bus]. So it runs in a simulation of a network that delays, drops,
// reorders and duplicates. It is not safe for concurrent use.
//
// Every hub has a directory of its own publishers and their topics. Changes are broadcast
// with sequence numbers; a hub that finds a gap asks for a snapshot. A hub tells another
// one which of its topics it wants, in the same way. Updates of wanted topics travel in
// batches, one sequence for each hub that wants something. A
// hub that has not been heard for [Config].Lost is lost: its publishers count as
// disconnected, and what still comes from it is dropped, until it is heard again.
package member

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/flow"
	"github.com/intentra/intentra/fleet/frame"
	"github.com/intentra/intentra/hub"
)

// Hub is what a Member changes in its hub; [*hub.Remote] implements it. Update, Demand and
// Value are about topics as in [hub.Fleet].
type Hub interface {
	Connect(k intentra.PublicKey, restarts uint64) bool
	Replace(k intentra.PublicKey)
	Disconnect(k intentra.PublicKey)
	Declare(k intentra.PublicKey, t hub.Topic) bool
	Retract(k intentra.PublicKey, topic string)
	Update(k intentra.PublicKey, topic string, payload []byte, age hub.Age) bool
	Drop(k intentra.PublicKey, topic string)
	Demand(id uint64, wanted bool)
	Value(id uint64) (value []byte, age hub.Age, ok bool)
}

// Bus carries frames between hubs. It may lose, delay, reorder and duplicate them. It must
// not keep the bytes after it has returned, and must not call the Member.
type Bus interface {
	// Heartbeat and Directory send to all hubs, Direct to one.
	Heartbeat(b []byte)
	Directory(b []byte)
	Direct(to intentra.PublicKey, b []byte)
}

// Config configures a Member. All fields but Draining are required, unless they say
// otherwise.
type Config struct {
	// Key identifies the hub, and Incarnation, chosen at random, its process.
	Key         intentra.PublicKey
	Incarnation uint64
	// Addr is where peers dial the hub.
	Addr string
	// Heartbeat is the time between heartbeats, Lost after which time without one a hub
	// is lost, and Forget after which time it is forgotten. Defaults 500 ms, 2 s and
	// 60 s.
	Heartbeat, Lost, Forget time.Duration
	// Batch is how many bytes of updates travel together at most; a larger update travels
	// alone. Default 16 KiB.
	Batch int
}

// What we chose.
const (
	defaultBatch = 16 << 10
	maxHubs      = 256       // of a fleet
	maxSessions  = 1 << 18   // of all other hubs together
	maxTopics    = 1 << 18   // of all other hubs together
	opsPerPart   = 256       // of a message with changes of a directory
	idsPerPart   = 10_000    // of a message with interest
	valuesBytes  = 128 << 10 // of a list of values
	askAfter     = 250 * time.Millisecond
)

// Member is one hub's view of its fleet.
type Member struct {
	cfg Config
	bus Bus
	hub Hub
	now time.Duration

	hubs       map[intentra.PublicKey]*other
	byInc      map[uint64]*other
	publishers map[intentra.PublicKey]*publisher
	topics     map[uint64]*localTopic
	sessions   int // of other hubs
	foreign    int // topics of other hubs

	draining  bool
	beatAt    time.Duration
	beats     uint64
	directory uint64 // the latest message
	ops       []frame.Op
	claims    []Claim
	forgotten uint64 // the highest generation of a session of this hub that is no longer known
	unsettled []*publisher
	lanes     uint32
	dirty     []*other // hubs to which a batch waits
	wanted    int      // topics of other hubs
	stats     Stats
}

// Claim says that a publisher's session has begun at this hub, which is to be entered in
// the key-value store; see [Member.Claimed].
type Claim struct {
	Key        intentra.PublicKey
	Generation uint64
}

// New returns the member of a hub.
func New(cfg Config, bus Bus) (*Member, error) {
	if cfg.Key == (intentra.PublicKey{}) || cfg.Incarnation == 0 || bus == nil {
		return nil, errors.New("member: a Config needs a Key and an Incarnation, and New a Bus")
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&cfg.Heartbeat, 500 * time.Millisecond}, {&cfg.Lost, 2 * time.Second}, {&cfg.Forget, time.Minute}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if cfg.Batch <= 0 {
		cfg.Batch = defaultBatch
	}
	return &Member{
		cfg: cfg, bus: bus,
		hubs: make(map[intentra.PublicKey]*other), byInc: make(map[uint64]*other),
		publishers: make(map[intentra.PublicKey]*publisher), topics: make(map[uint64]*localTopic),
	}, nil
}

// Begin begins a turn, in which the other methods may be called. h is used until End.
func (m *Member) Begin(h Hub, now time.Duration) { m.hub, m.now = h, now }

// End sends what the turn has produced, except for the batches; see [Member.Flush].
func (m *Member) End() {
	m.Settle()
	m.flushDirectory()
	m.flushInterest()
	m.hub = nil
}

// Settle decides which sessions count after what the hub has reported. It is called once
// everything has been reported, so that the decision is not about a state of the hub that has
// passed.
func (m *Member) Settle() {
	for len(m.unsettled) > 0 {
		p := m.unsettled[0]
		m.unsettled = m.unsettled[1:]
		m.settle(p)
	}
	m.unsettled = nil
}

func (m *Member) later(p *publisher) { m.unsettled = append(m.unsettled, p) }

// Drain says that the hub hands its peers over, or no longer does.
func (m *Member) Drain(draining bool) {
	m.draining = draining
	m.beatAt = 0
}

// Tick sends heartbeats and notices lost hubs. It is called several times per
// Config.Heartbeat.
func (m *Member) Tick() {
	for _, o := range m.sortedHubs() {
		silent := m.now - o.heard
		if o.alive && silent > m.cfg.Lost {
			m.lose(o)
		}
		if o.alive && !o.doubted && silent > m.doubtAfter() {
			m.doubt(o)
		}
		if silent > m.cfg.Forget {
			m.forget(o)
			continue
		}
		m.endPauses(o)
		m.refresh(o)
	}
	if m.now >= m.beatAt {
		m.beatAt = m.now + m.cfg.Heartbeat
		m.bus.Heartbeat(frame.Encode(m.heartbeat()))
	}
}

func (m *Member) heartbeat() frame.Heartbeat {
	m.beats++
	hb := frame.Heartbeat{
		Hub: m.cfg.Key, Incarnation: m.cfg.Incarnation, Seq: m.beats, Time: int64(m.now), Addr: m.cfg.Addr, Draining: m.draining, Directory: m.directory,
		Sent: make(map[uint64]frame.Sent),
	}
	for _, p := range m.publishers {
		if p.local != nil && p.local.connected {
			hb.Peers++
		}
	}
	for _, o := range m.hubs {
		// A batch that waits has not been sent.
		if sent := (frame.Sent{Interest: o.sent, Batch: o.out.seq - uint64(min(o.out.updates, 1)), Echo: o.echo, Came: int64(o.came)}); sent != (frame.Sent{}) {
			hb.Sent[o.inc] = sent
		}
	}
	return hb
}

// Seen describes a hub of the fleet.
type Seen struct {
	Key      intentra.PublicKey
	Addr     string
	Self     bool
	Alive    bool // it has been heard lately
	Draining bool
	Peers    int
	Topics   int
	// Silent is the time since its last heartbeat.
	Silent time.Duration
	// Flow counts the batches that came from it, In those of them that were not repeated, and
	// Out those that were sent to it.
	Flow    flow.Counts
	In, Out Traffic
}

// Hubs returns the hubs of the fleet, this one included, in the order of their keys.
func (m *Member) Hubs(now time.Duration) []Seen {
	self := Seen{Key: m.cfg.Key, Addr: m.cfg.Addr, Self: true, Alive: true, Draining: m.draining, Topics: len(m.topics)}
	for _, p := range m.publishers {
		if p.local != nil && p.local.connected {
			self.Peers++
		}
	}
	list := []Seen{self}
	for _, o := range m.hubs {
		list = append(list, Seen{
			Key: o.key, Addr: o.addr, Alive: o.alive, Draining: o.draining, Peers: o.peers, Topics: len(o.topics),
			Silent: now - o.heard, Flow: o.counts, In: o.in, Out: o.out.sent,
		})
	}
	slices.SortFunc(list, func(a, b Seen) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	return list
}

// Claims returns the sessions that have begun since the last call.
func (m *Member) Claims() []Claim {
	c := m.claims
	m.claims = nil
	return c
}

// sortedHubs returns the other hubs in the order of their keys, so that a run of a
// simulation can be repeated.
func (m *Member) sortedHubs() []*other {
	return slices.SortedFunc(maps.Values(m.hubs), func(a, b *other) int { return bytes.Compare(a.key[:], b.key[:]) })
}
