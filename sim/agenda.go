package sim

import "github.com/intentra/intentra/pipeline"

// event is a datagram that arrives at a time, or a function that is called then.
type event struct {
	at     pipeline.Time
	order  uint64
	flight *flight
	do     func()
}

func (a *event) before(b *event) bool { return a.at < b.at || a.at == b.at && a.order < b.order }

// agenda is a binary heap of events. Events of one time keep the order in which
// they were added.
type agenda []event

// put adds an event.
func (w *World) put(ev event) {
	if ev.at < w.now || ev.at > horizon {
		return // past the horizon, or the sum has overflowed
	}
	w.order++
	ev.order = w.order
	w.agenda.push(ev)
}

// next returns the first event, or nil.
func (h agenda) next() *event {
	if len(h) == 0 {
		return nil
	}
	return &h[0]
}

func (h *agenda) push(ev event) {
	*h = append(*h, ev)
	q := *h
	i := len(q) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !ev.before(&q[parent]) {
			break
		}
		q[i] = q[parent]
		i = parent
	}
	q[i] = ev
}

// pop removes and returns the first event. The agenda must not be empty.
func (h *agenda) pop() event {
	q := *h
	first, last := q[0], q[len(q)-1]
	q[len(q)-1] = event{} // releases what it refers to
	q = q[:len(q)-1]
	*h = q
	if len(q) == 0 {
		return first
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(q) {
			break
		}
		if child+1 < len(q) && q[child+1].before(&q[child]) {
			child++
		}
		if !q[child].before(&last) {
			break
		}
		q[i] = q[child]
		i = child
	}
	q[i] = last
	return first
}
