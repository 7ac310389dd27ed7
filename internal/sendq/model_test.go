package sendq

import (
	"slices"

	"github.com/intentra/intentra/pipeline"
)

type message struct {
	channel  uint32
	intent   pipeline.Intent
	priority pipeline.Priority // after push: that with which it leaves
	token    uint64
	expires  pipeline.Time
	payload  string
	givenUp  bool // the notice that remains of it
}

// model is a queue implemented by two slices.
type model struct {
	limits                  Limits
	state, reliable         []message
	online, holding, closed bool
	ready, awaited          bool // the loop was woken; a caller waits for room
	flow                    Flow
	decided                 []Decision
	expires                 pipeline.Time
	news, called            bool
}

func size(list []message) (n int) {
	for _, m := range list {
		n += len(m.payload)
	}
	return n
}

func (q *model) list(reliable bool) *[]message {
	if reliable {
		return &q.reliable
	}
	return &q.state
}

// enter returns m with the priority of its channel, if that has queued messages.
func (q *model) enter(m message) message {
	for _, w := range *q.list(m.intent == pipeline.Reliable) {
		if w.channel == m.channel {
			m.priority = w.priority
		}
	}
	return m
}

func (q *model) decide(m message, f Fate) {
	if m.token != 0 {
		q.decided = append(q.decided, Decision{m.channel, m.intent, f, m.token%2 == 0, m.token, pipeline.Time(m.token)})
		q.news = true
	}
}

func (q *model) marked(m message) {
	if m.expires != 0 && (q.expires == 0 || m.expires < q.expires) {
		q.expires, q.news = m.expires, true
	}
}

func (q *model) notices() (n int) {
	for _, m := range q.reliable {
		if m.givenUp {
			n++
		}
	}
	return n
}

// ranked reports whether another priority than Normal is queued.
func (q *model) ranked() bool {
	return slices.ContainsFunc(append(slices.Clone(q.state), q.reliable...), func(m message) bool { return m.priority != pipeline.Normal })
}

func (q *model) push(m message) (o Outcome, wake bool) {
	switch {
	case q.closed:
		return Closed, false
	case !q.online && !(q.holding && m.intent != pipeline.Realtime):
		return Offline, false
	case m.intent == pipeline.Reliable:
		if len(q.reliable) >= q.limits.ReliableMessages || size(q.reliable)+len(m.payload) > q.limits.ReliableBytes {
			o = Full
			break
		}
		q.reliable = append(q.reliable, q.enter(m))
		q.marked(m)
		o = Queued
	default:
		o = q.pushState(m)
	}
	if q.news && !q.called {
		q.called, wake = true, true
	}
	if o != Full && q.online && !q.ready {
		q.ready, wake = true, true
	}
	return o, wake
}

func (q *model) pushState(m message) Outcome {
	o := Queued
	m = q.enter(m)
	at := q.predecessor(m)
	if at >= 0 {
		o = Replaced
		q.flow.Superseded++
		q.decide(q.state[at], Superseded)
		for at >= 0 && len(q.state) > 1 && size(q.state)-len(q.state[at].payload)+len(m.payload) > q.limits.StateBytes {
			at = q.displace(at)
		}
		if at >= 0 {
			m.priority = q.state[at].priority
			q.state = slices.Clone(q.state)
			q.state[at] = m
			q.marked(m)
			return o
		}
	}
	for len(q.state) > 0 && (len(q.state) >= q.limits.StateMessages || size(q.state)+len(m.payload) > q.limits.StateBytes) {
		q.displace(-1)
		o = Replaced
	}
	q.state = append(q.state, m)
	q.marked(m)
	return o
}

// displace drops the oldest message of the lowest priority with more than its share. It returns the new index of
// the message at an index, which is -1 if it was that one, and then not displaced.
func (q *model) displace(at int) int {
	lowest := slices.MinFunc(q.state, func(a, b message) int { return int(a.priority) - int(b.priority) }).priority
	for p := lowest; q.ranked() && p <= pipeline.Urgent; p++ {
		var of []message
		for _, m := range q.state {
			if m.priority == p {
				of = append(of, m)
			}
		}
		if share := []int{1, 2, 4, 9}[p+1]; 16*len(of) > share*q.limits.StateMessages || 16*size(of) > share*q.limits.StateBytes {
			lowest = p
			break
		}
	}
	i := slices.IndexFunc(q.state, func(m message) bool { return m.priority == lowest })
	if i != at {
		q.flow.Displaced++
		q.decide(q.state[i], Displaced)
	}
	q.state = slices.Delete(slices.Clone(q.state), i, i+1)
	switch {
	case i == at:
		return -1
	case i < at:
		return at - 1
	}
	return at
}

// predecessor returns the index of the message that m supersedes, or -1.
func (q *model) predecessor(m message) int {
	return slices.IndexFunc(q.state, func(w message) bool {
		return w.intent == pipeline.Latest && m.intent == pipeline.Latest && w.channel == m.channel
	})
}

// waits reports whether pushing m would drop a message other than the one that it
// supersedes, or would fail although it can succeed later.
func (q *model) waits(m message) bool {
	if q.closed || !q.online {
		return !q.closed && q.holding
	}
	trial := *q
	trial.reliable, trial.decided = slices.Clone(q.reliable), slices.Clone(q.decided)
	o, _ := trial.push(m)
	return trial.flow.Displaced > q.flow.Displaced || o == Full && len(*q.list(m.intent == pipeline.Reliable)) > 0
}

func (q *model) take(reliable bool, p pipeline.Priority, now pipeline.Time, most int) (taken []message) {
	from := q.list(reliable)
	var rest []message
	stopped, removed := false, false
	for _, m := range *from {
		if m.priority != p || stopped {
			rest = append(rest, m)
			continue
		}
		if m.expires != 0 && m.expires <= now {
			q.flow.Expired++
			q.decide(m, Expired)
			if !reliable {
				removed = true
				continue
			}
			m = message{channel: m.channel, intent: m.intent, priority: p, givenUp: true}
		}
		if len(taken) == most {
			stopped = true
			rest = append(rest, m)
			continue
		}
		taken, removed = append(taken, m), true
	}
	*from = rest
	if removed {
		q.awaited = false
	}
	return taken
}

// takePlain takes what TakePlain does of a queue that is not ranked, and changes w, without its Data, as it does.
func (q *model) takePlain(w *Frames) (taken []message, more bool) {
	for len(q.state) > 0 {
		m := q.state[0]
		n := len(m.payload)
		size := 1 + 1 + 1 + n // type, channel and length
		if n > 63 {
			size++
		}
		switch {
		case m.token != 0 || m.expires != 0 || n > w.Longest:
			return taken, true
		case w.Messages > 0 && (w.Messages >= w.MostMessages || w.Bytes+n > w.MostBytes):
			return taken, false
		case size > w.Room:
			w.Full = w.Messages > 0
			return taken, !w.Full
		}
		w.Messages, w.Bytes, w.Room = w.Messages+1, w.Bytes+n, w.Room-size
		w.Latest = w.Latest || m.intent == pipeline.Latest
		q.state, q.awaited = q.state[1:], false
		taken = append(taken, m)
	}
	return taken, false
}

// expire drops what has expired. Of Reliable messages of a channel that follow each
// other one notice remains.
func (q *model) expire(now pipeline.Time) {
	if q.expires == 0 || q.expires > now {
		return
	}
	q.awaited, q.expires = false, 0
	for p := pipeline.Low; p <= pipeline.Urgent; p++ { // the order of decisions
		for _, reliable := range []bool{false, true} {
			q.expirePart(q.list(reliable), p, now)
		}
	}
	q.news = q.news || q.expires != 0
}

func (q *model) expirePart(from *[]message, p pipeline.Priority, now pipeline.Time) {
	var rest []message
	last := map[uint32]bool{} // whether the last message of the channel is a notice
	for _, m := range *from {
		if m.priority != p {
			rest = append(rest, m)
			continue
		}
		gone := m.expires != 0 && m.expires <= now
		if m.expires != 0 && !gone && (q.expires == 0 || m.expires < q.expires) {
			q.expires = m.expires
		}
		if gone {
			q.flow.Expired++
			q.decide(m, Expired)
			if m.intent != pipeline.Reliable {
				continue
			}
			m = message{channel: m.channel, intent: m.intent, priority: p, givenUp: true}
		}
		if !m.givenUp || !last[m.channel] {
			rest = append(rest, m)
		}
		last[m.channel] = m.givenUp
	}
	*from = rest
}

func (q *model) setOnline(online bool) (dropped int) {
	q.online, q.awaited = online, false
	if online {
		return 0
	}
	q.ready = false
	if !q.holding {
		return q.dropAll()
	}
	for p := pipeline.Low; p <= pipeline.Urgent; p++ {
		q.state = slices.DeleteFunc(slices.Clone(q.state), func(m message) bool {
			drop := m.intent == pipeline.Realtime && m.priority == p
			if drop {
				q.decide(m, GivenUp)
				dropped++
			}
			return drop
		})
	}
	return dropped
}

func (q *model) dropAll() (dropped int) {
	dropped = len(q.state) + len(q.reliable) - q.notices()
	for _, list := range []*[]message{&q.state, &q.reliable} {
		for p := pipeline.Low; p <= pipeline.Urgent; p++ {
			for _, m := range *list {
				if m.priority == p {
					q.decide(m, GivenUp)
				}
			}
		}
		*list = nil
	}
	q.expires = 0
	return dropped
}
