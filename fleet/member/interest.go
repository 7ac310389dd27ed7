package member

import (
	"maps"
	"slices"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/frame"
)

// Wanted is called when this hub's subscribers want a topic of another hub's publisher, or
// no longer do.
func (m *Member) Wanted(k intentra.PublicKey, name string, wanted bool) {
	p := m.publishers[k]
	if p == nil {
		if !wanted {
			return
		}
		p = m.publisher(k)
	}
	if wanted {
		p.wanted[name] = true
	} else {
		delete(p.wanted, name)
	}
	if t := p.topics[name]; t != nil {
		m.ask(t)
	}
	m.later(p)
}

// ask tells the hub of a topic whether it is wanted, if that has changed.
func (m *Member) ask(t *topic) {
	p := t.session.publisher
	should := p.shown == t.session && p.topics[t.Name] == t && p.wanted[t.Name]
	if should == t.asked {
		return
	}
	t.asked = should
	o := t.session.hub
	if should {
		// If its hub was silent, what it has numbered in that time is missed.
		t.based = t.based && t.paused
		o.awaited[t.ID] = t
		o.askValuesAt = max(o.askValuesAt, m.now+askAfter)
		m.wanted++
		o.add, o.drop = toggle(o.add, o.drop, t.ID)
		return
	}
	if t.Intent == intentra.Latest {
		m.hub.Drop(t.Key, t.Name) // nothing keeps it fresh
	}
	t.paused = !o.alive && t.Intent == intentra.Reliable
	delete(o.awaited, t.ID)
	m.wanted--
	if !t.paused { // otherwise its updates are to be numbered until the hub is back
		o.drop, o.add = toggle(o.drop, o.add, t.ID)
	}
}

// endPauses drops the topics of a hub that is back which are no longer wanted.
func (m *Member) endPauses(o *other) {
	if !o.alive || !o.resuming || m.now-o.back < askAfter {
		return
	}
	o.resuming = false
	for _, id := range slices.Sorted(maps.Keys(o.topics)) {
		if t := o.topics[id]; t.paused && !t.asked {
			t.paused = false
			o.drop, o.add = toggle(o.drop, o.add, id)
		}
	}
}

// toggle adds an ID to one list, or removes it from the opposite one.
func toggle(list, opposite []uint64, id uint64) (newList, newOpposite []uint64) {
	if i := slices.Index(opposite, id); i >= 0 {
		return list, slices.Delete(opposite, i, i+1)
	}
	return append(list, id), opposite
}

// flushInterest tells other hubs what this one wants.
func (m *Member) flushInterest() {
	for _, o := range m.sortedHubs() {
		for len(o.add)+len(o.drop) > 0 {
			i := &frame.Interest{Add: take(&o.add, idsPerPart), Drop: take(&o.drop, idsPerPart)}
			o.sent++
			i.Seq = o.sent
			m.direct(o, frame.Direct{Interest: i})
		}
	}
}

func take(list *[]uint64, n int) []uint64 {
	n = min(n, len(*list))
	taken := (*list)[:n:n]
	*list = (*list)[n:]
	return taken
}

// interests tells a hub everything that this one wants of it.
func (m *Member) interests(o *other) {
	o.add, o.drop = nil, nil
	var ids []uint64
	for id, t := range o.topics {
		if t.asked {
			ids = append(ids, id)
			if t.Intent == intentra.Latest {
				// Values may have changed while that hub did not know that they are wanted.
				o.awaited[id] = t
			}
		}
	}
	slices.Sort(ids)
	o.sent++
	for part := 0; ; part++ {
		i := &frame.Interest{Seq: o.sent, Full: true, Part: part, Add: take(&ids, idsPerPart)}
		i.More = len(ids) > 0
		m.direct(o, frame.Direct{Interest: i})
		if !i.More {
			return
		}
	}
}

// receiveInterest handles what another hub wants of this one.
func (m *Member) receiveInterest(o *other, i *frame.Interest) {
	switch {
	case !i.Full && i.Seq != o.heardInterest+1:
		if i.Seq > o.heardInterest {
			m.askFor(o, &o.askInterestAt, frame.Ask{Interest: true})
		}
		return
	case !i.Full:
		o.heardInterest = i.Seq
		for _, id := range i.Drop {
			m.unwant(o, id)
		}
		m.want(o, i.Add)
		return
	case i.Seq < o.heardInterest:
		return // an old answer
	case i.Part == 0:
		o.full = o.full[:0]
		o.fullPart, o.fullOf = 0, i.Seq
	case i.Part != o.fullPart || i.Seq != o.fullOf || len(o.full) > maxTopics:
		return // a part is missing: it will be asked for again
	}
	o.full = append(o.full, i.Add...)
	o.fullPart++
	if i.More {
		return
	}
	o.heardInterest = i.Seq
	keep := make(map[uint64]bool, len(o.full))
	for _, id := range o.full {
		keep[id] = true
	}
	for id := range o.wants {
		if !keep[id] {
			m.unwant(o, id)
		}
	}
	m.want(o, o.full)
	o.full = nil
}

func (m *Member) want(o *other, ids []uint64) {
	for _, id := range ids {
		t := m.topics[id]
		if t == nil || o.wants[id] {
			continue
		}
		o.wants[id] = true
		if t.wantedBy = append(t.wantedBy, o); len(t.wantedBy) == 1 {
			m.hub.Demand(id, true)
			if t.Intent == intentra.Latest {
				t.seq++ // the value may have changed since the last update that was numbered
			}
		}
	}
	m.values(o, ids)
}

func (m *Member) unwant(o *other, id uint64) {
	if !o.wants[id] {
		return
	}
	delete(o.wants, id)
	if t := m.topics[id]; t != nil {
		i := slices.Index(t.wantedBy, o)
		if t.wantedBy = slices.Delete(t.wantedBy, i, i+1); len(t.wantedBy) == 0 {
			m.hub.Demand(id, false)
		}
	}
}
