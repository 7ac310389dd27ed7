package member

import (
	"maps"
	"slices"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/flow"
	"github.com/intentra/intentra/fleet/frame"
)

func sortedNames(of map[string]*topic) []string { return slices.Sorted(maps.Keys(of)) }

// receiveBinary handles a batch of updates of another hub, or newest values of its topics.
func (m *Member) receiveBinary(b []byte) {
	h, updates, err := frame.ParseHeader(b)
	if err != nil || frame.Valid(updates) != nil {
		m.stats.Malformed++
		return
	}
	o := m.byInc[h.Incarnation]
	if o == nil || !o.alive || h.Lane < o.lane {
		m.stats.Drops[Fenced] += count(updates)
		return
	}
	if h.Lane > o.lane {
		o.lane, o.flow, o.behind = h.Lane, flow.Tracker{}, 0
	}
	if h.Values {
		m.receiveValues(o, &h, updates)
		return
	}
	var c flow.Counts
	verdict := o.flow.Receive(h.Seq, &c)
	o.counts.Add(c)
	m.stats.Batches.Add(c)
	switch verdict {
	case flow.Repeated:
		m.stats.Drops[Repeated] += count(updates)
		return
	case flow.Gap:
		o.stale = true
	}
	came := Traffic{Batches: 1, Bytes: uint64(len(b))}
	for ; len(updates) > 0; came.Updates++ {
		var u frame.Update
		u, updates, _ = frame.ParseUpdate(updates)
		m.receiveUpdate(o, &h, u)
	}
	o.in.add(came)
}

func count(updates []byte) (n uint64) {
	for len(updates) > 0 {
		_, updates, _ = frame.ParseUpdate(updates)
		n++
	}
	return n
}

func (m *Member) receiveUpdate(o *other, h *frame.Header, u frame.Update) {
	t := o.topics[u.ID]
	switch {
	case t == nil:
		m.stats.Drops[Unknown]++
	case !t.asked:
		m.stats.Drops[Unwanted]++
	case u.Seq <= t.last:
		m.stats.Drops[Stale]++
	case t.doubted:
		m.reach(t, u.Seq-1)
		t.last = u.Seq
		m.stats.Drops[Doubtful]++
	default:
		m.deliver(t, h, u)
	}
}

// deliver gives an update to the hub.
func (m *Member) deliver(t *topic, h *frame.Header, u frame.Update) {
	m.reach(t, max(u.Seq-1, t.last)) // a newest value may come again
	t.last = u.Seq
	if !m.hub.Update(t.Key, t.Name, u.Payload, m.age(t.session.hub, h.Time, u.Stamp)) {
		m.stats.Drops[Undeliverable]++
		return
	}
	m.stats.Updates++
}

// reach notes that updates of a topic up to seq will not come, unless they are late.
func (m *Member) reach(t *topic, seq uint64) {
	if t.based {
		missing := seq - t.last
		m.stats.Missing += missing
		if t.Intent == intentra.Reliable {
			m.stats.LostReliable += missing
		}
	}
	t.last, t.based = max(t.last, seq), true
}

// receiveValues handles the newest values of another hub's topics, which are as new as its
// batch with the number in the header.
func (m *Member) receiveValues(o *other, h *frame.Header, updates []byte) {
	if !o.flow.Begun() {
		o.flow.Begin(h.Seq)
	}
	for len(updates) > 0 {
		var u frame.Update
		u, updates, _ = frame.ParseUpdate(updates)
		t := o.topics[u.ID]
		if t != nil && t.doubted && u.Seq < t.last {
			continue // an update was dropped that has overtaken it: ask again
		}
		delete(o.awaited, u.ID)
		switch {
		case t == nil || !t.asked || u.Seq < t.last || u.Seq == t.last && t.based && !t.doubted:
			// Updates have overtaken it.
		case u.Absent:
			t.doubted = false
			m.reach(t, u.Seq)
		default:
			t.doubted = false
			m.stats.Values++
			if t.based && u.Seq == t.last {
				m.stats.Again++
			}
			m.deliver(t, h, u)
		}
	}
}
