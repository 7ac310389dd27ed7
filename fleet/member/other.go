package member

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/flow"
	"github.com/intentra/intentra/fleet/frame"
	"github.com/intentra/intentra/internal/clock"
)

// other is another hub of the fleet.
type other struct {
	key      intentra.PublicKey
	inc      uint64
	addr     string
	draining bool
	peers    int
	heard    time.Duration // when its latest heartbeat came
	beat     uint64        // the number of that heartbeat
	alive    bool
	back     time.Duration // when it last became alive
	resuming bool          // topics may be paused
	doubted  bool          // heartbeats are missing; see Member.doubt

	// Its directory.
	synced    bool
	directory uint64 // the latest message
	snapshot  []frame.Op
	part      int // the next part of a snapshot
	partOf    uint64
	sessions  map[intentra.PublicKey]*session
	topics    map[uint64]*topic

	// What we want of it.
	sent      uint64
	add, drop []uint64
	lane      uint32 // of the batches that come
	flow      flow.Tracker
	behind    uint64            // a batch that has been sent and has not come; zero: none
	stale     bool              // something was lost
	awaited   map[uint64]*topic // whose newest value was asked for and has not come
	counts    flow.Counts
	in        Traffic

	clock clock.Estimate // by how much its clock is ahead
	echo  int64          // the time in its latest heartbeat, and when that came
	came  time.Duration

	// What it wants of us.
	out           outgoing
	heardInterest uint64
	wants         map[uint64]bool // by the IDs of our topics
	full          []uint64
	fullPart      int // the next part
	fullOf        uint64

	askDirectoryAt, askInterestAt, askValuesAt time.Duration
}

// newOther returns the state of a hub that is heard for the first time. That hub may
// remember this one from before it was forgotten here. So the numbers of interest begin
// above any that were sent to it then, and its batches begin a new lane.
func (m *Member) newOther(k intentra.PublicKey, inc uint64) *other {
	m.lanes++
	return &other{
		key: k, inc: inc, sent: uint64(m.now / time.Microsecond), out: outgoing{lane: m.lanes},
		sessions: make(map[intentra.PublicKey]*session), topics: make(map[uint64]*topic),
		wants: make(map[uint64]bool), awaited: make(map[uint64]*topic),
	}
}

// ReceiveHeartbeat handles a heartbeat.
func (m *Member) ReceiveHeartbeat(b []byte) {
	var hb frame.Heartbeat
	if frame.Decode(b, &hb) != nil || hb.Incarnation == 0 {
		m.stats.Malformed++
		return
	}
	if hb.Hub == m.cfg.Key {
		if hb.Incarnation != m.cfg.Incarnation {
			m.stats.Clashes++
		}
		return
	}
	o := m.hubs[hb.Hub]
	if o != nil && o.inc != hb.Incarnation {
		if m.byInc[hb.Incarnation] != nil {
			m.stats.Malformed++
			return
		}
		m.forget(o) // its process has restarted
		o = nil
	}
	if o == nil {
		if len(m.hubs) >= maxHubs || m.byInc[hb.Incarnation] != nil {
			m.stats.Refused++
			return
		}
		o = m.newOther(hb.Hub, hb.Incarnation)
		m.hubs[o.key], m.byInc[o.inc] = o, o
	}
	if hb.Seq <= o.beat {
		return // again, or late
	}
	o.beat = hb.Seq
	o.heard, o.addr, o.draining, o.peers = m.now, hb.Addr, hb.Draining, hb.Peers
	if o.doubted {
		o.doubted, o.stale = false, true
	}
	if !o.alive {
		o.alive, o.back, o.resuming = true, m.now, true
		m.stats.Joined++
		m.settleAll(o)
		m.beatAt = 0 // it may not know this hub
	}
	if !o.synced || hb.Directory != o.directory {
		m.askFor(o, &o.askDirectoryAt, frame.Ask{Directory: true})
	}
	sent := hb.Sent[m.cfg.Incarnation]
	m.hearTime(o, hb.Time, sent)
	if sent.Interest != o.heardInterest {
		m.askFor(o, &o.askInterestAt, frame.Ask{Interest: true})
	}
	m.checkFlow(o, sent.Batch)
}

// checkFlow finds the loss of the latest batches, which no later batch reveals. One
// heartbeat that names them is not enough, because it may have overtaken them.
func (m *Member) checkFlow(o *other, newest uint64) {
	suspected := o.behind
	o.behind = 0
	if newest > o.flow.Newest() && o.flow.Begun() {
		o.behind = newest
	}
	if suspected > o.flow.Newest() {
		missing := suspected - o.flow.Newest()
		o.counts.Missing += missing
		m.stats.Batches.Missing += missing
		o.flow.Begin(suspected)
		o.stale = true
	}
}

// askFor asks a hub to repeat something, unless that was asked for a moment ago.
func (m *Member) askFor(o *other, at *time.Duration, a frame.Ask) {
	if m.now < *at {
		return
	}
	*at = m.now + askAfter
	if a.Directory {
		m.stats.Snapshots++
	}
	m.direct(o, frame.Direct{Ask: &a})
}

// refresh asks for the newest values if something was lost, and for those that have not
// come.
func (m *Member) refresh(o *other) {
	if !o.alive || !o.stale && len(o.awaited) == 0 || m.now < o.askValuesAt {
		return
	}
	if o.stale {
		for id, t := range o.topics {
			if t.asked && t.Intent == intentra.Latest {
				o.awaited[id] = t
			}
		}
	}
	ids := slices.Sorted(maps.Keys(o.awaited))
	o.stale = false
	for len(ids) > 0 {
		m.stats.Refreshes++
		m.direct(o, frame.Direct{Ask: &frame.Ask{Values: take(&ids, idsPerPart)}})
	}
	o.askValuesAt = m.now + askAfter
}

// lose notes that a hub is silent. Its directory is kept for Config.Forget, and so is which
// Reliable topics it wants: their updates are numbered, so that it can count what it has
// missed.
func (m *Member) lose(o *other) {
	m.flushBatch(o) // it may still hear this hub
	o.alive = false
	m.stats.Lost++
	for _, id := range slices.Sorted(maps.Keys(o.wants)) {
		if t := m.topics[id]; t == nil || t.Intent != intentra.Reliable { // these go on being numbered
			m.unwant(o, id)
		}
	}
	o.heardInterest = 0
	m.settleAll(o)
}

// forget removes a hub.
func (m *Member) forget(o *other) {
	if o.alive {
		m.lose(o)
	}
	for _, id := range slices.Sorted(maps.Keys(o.wants)) {
		m.unwant(o, id)
	}
	for _, k := range sortedKeys(o.sessions) {
		m.endSession(o.sessions[k])
	}
	delete(m.hubs, o.key)
	delete(m.byInc, o.inc)
}

// doubtAfter returns how long a hub may send no heartbeat before it is doubted: two are
// missing then, and its peers have not yet noticed that it is dead and gone elsewhere.
func (m *Member) doubtAfter() time.Duration { return m.cfg.Heartbeat * 9 / 4 }

// doubt notes that heartbeats of a hub are missing. It may be dead, and its peers may have
// received values that were not sent to this hub, and come here next. So subscribers are
// given no value that may be older than those: cached values and updates are dropped until
// the newest value has been asked for and has come. Reliable updates are not dropped, since
// subscribers need every one.
func (m *Member) doubt(o *other) {
	o.doubted = true
	m.stats.Doubted++
	for _, t := range o.topics {
		if p := t.session.publisher; p.shown == t.session && p.topics[t.Name] == t {
			m.doubtTopic(t)
		}
	}
}

func (m *Member) doubtTopic(t *topic) {
	if t.Intent == intentra.Latest {
		t.doubted = true
		m.hub.Drop(t.Key, t.Name)
	}
}

func (m *Member) settleAll(o *other) {
	for _, k := range sortedKeys(o.sessions) {
		m.settle(o.sessions[k].publisher)
	}
}

func sortedKeys[T any](of map[intentra.PublicKey]T) []intentra.PublicKey {
	return slices.SortedFunc(maps.Keys(of), func(a, b intentra.PublicKey) int { return bytes.Compare(a[:], b[:]) })
}

// ReceiveDirect handles a message to this hub alone.
func (m *Member) ReceiveDirect(b []byte) {
	if frame.IsBinary(b) {
		m.receiveBinary(b)
		return
	}
	var d frame.Direct
	if frame.Decode(b, &d) != nil {
		m.stats.Malformed++
		return
	}
	o := m.hubs[d.From]
	if o == nil || !o.alive || o.inc != d.Incarnation || d.To != m.cfg.Incarnation {
		return // of an earlier process; the next heartbeat puts things right
	}
	switch {
	case d.Directory != nil:
		m.receiveSnapshot(o, d.Directory)
	case d.Interest != nil:
		m.receiveInterest(o, d.Interest)
	case d.Ask != nil && d.Ask.Directory:
		m.snapshot(o)
	case d.Ask != nil && d.Ask.Interest:
		m.interests(o)
	case d.Ask != nil:
		m.values(o, d.Ask.Values)
	}
}
