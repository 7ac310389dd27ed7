package hub

import (
	"math"
	"time"
)

// MaxSurvey is the largest number of topics that one call of [Hub.Survey] returns. It
// bounds how long the call holds the hub's lock.
const MaxSurvey = 1024

// TopicState is a topic of a hub at one moment, as [Hub.Survey] returns it.
type TopicState struct {
	TopicInfo
	// Publisher is the name of the topic's publisher.
	Publisher string
	// Last is the time of the latest update on the hub's clock ([Config].Clock; its zero
	// is any fixed moment). It is valid if Updates is not zero.
	Last time.Duration
	// Stamp says that updates of the topic carry the time at which they were made. Age is
	// how old the latest one was when the hub passed it on, if that is known.
	Stamp bool
	Age   Age
	// Located says that X, Y and Z are the position in the newest value of the topic, in
	// the units of the payload. Only Latest topics with a [Layout] have one. Z is NaN if
	// the layout has none.
	Located bool
	X, Y, Z float64

	layout *Layout // set if value is to be decoded
	value  []byte
}

// keptValue is the capacity of the largest buffer for a value that a TopicState keeps, so
// that the next survey into the same list can use it.
const keptValue = 4 << 10

// Survey appends to list the states of at most limit topics whose paths follow after, in
// the order of their paths, and returns the result and the hub's time. The limit is at
// most [MaxSurvey]. To read all topics, pass an empty path first, then the last path of
// each result, until a call appends fewer than limit. Payloads are decoded after the hub's
// lock has been released, so that a survey does not delay updates. A caller that surveys
// repeatedly passes the list of the time before, cut to its beginning: positions that
// have not changed are then not decoded again.
func (h *Hub) Survey(list []TopicState, after string, limit int) ([]TopicState, time.Duration) {
	must(h.valid())
	start := len(list)
	h.mu.Lock()
	now := h.clock.Now()
	topics := h.core.topics.after(after)
	for _, t := range topics[:min(max(limit, 0), MaxSurvey, len(topics))] {
		if len(list) < cap(list) {
			list = list[:len(list)+1]
		} else {
			list = append(list, TopicState{})
		}
		t.state(h.core, now, &list[len(list)-1])
	}
	h.mu.Unlock()
	for i := range list[start:] {
		list[start+i].locate()
	}
	return list, now
}

// state describes the topic in s, which may hold an earlier state of any topic. If it
// has a position that may have changed, s gets a copy of its value.
func (t *topic) state(c *core, now time.Duration, s *TopicState) {
	old := *s
	*s = TopicState{TopicInfo: t.info(), Publisher: t.publisher.name, Last: t.latest, Stamp: t.desc.Stamp, Age: t.age, Z: math.NaN(), value: old.value[:0]}
	if t.desc.Layout == nil {
		return
	}
	value, ok := c.newest(t, now)
	switch {
	case !ok:
	case old.Located && old.Path == s.Path && old.Updates == s.Updates && old.Last == s.Last:
		s.Located, s.X, s.Y, s.Z = true, old.X, old.Y, old.Z
	default:
		s.layout, s.value = t.desc.Layout, append(s.value, value.payload...)
	}
}

// locate decodes the position.
func (s *TopicState) locate() {
	if s.layout == nil {
		return
	}
	p, ok := s.layout.position(s.value)
	s.Located, s.X, s.Y, s.Z = ok, p.x, p.y, p.z
	s.layout, s.value = nil, s.value[:0]
	if cap(s.value) > keptValue {
		s.value = nil
	}
}
