package sendq

import "github.com/intentra/intentra/pipeline"

// While a queue holds messages of other priorities than Normal it is ranked: each
// priority has fifos of its own. A message joins those of its channel that are queued,
// whatever its priority, so that a channel keeps its order. The callers of these
// methods hold the lock.

// home identifies the messages of a channel that keep their order.
type home struct {
	channel  uint32
	reliable bool
}

// place is where they are, and how many.
type place struct {
	n        int32
	priority pipeline.Priority
}

// unused is the fifo of a priority that has none. It is never written.
var unused = &none

// fifo returns the fifo of the State or Reliable messages with a priority.
func (q *Queue) fifo(reliable bool, p pipeline.Priority) **fifo {
	switch {
	case p != pipeline.Normal && q.rare == nil:
		return &unused
	case p != pipeline.Normal && reliable:
		return &q.rare.ranks[1][p-pipeline.Low]
	case p != pipeline.Normal:
		return &q.rare.ranks[0][p-pipeline.Low]
	case reliable:
		return &q.reliable
	}
	return &q.state
}

func (q *Queue) ranked() bool { return q.rare != nil && q.rare.ranked }

func (q *Queue) stateLen() int {
	if q.ranked() {
		n, _ := q.total(false, pipeline.Low)
		return n
	}
	return q.state.len()
}

func (q *Queue) reliableLen() int {
	if q.ranked() {
		n, _ := q.total(true, pipeline.Low)
		return n
	}
	return q.reliable.len()
}

func (q *Queue) stateBytes() int {
	if q.ranked() {
		_, bytes := q.total(false, pipeline.Low)
		return bytes
	}
	return q.state.bytes
}

func (q *Queue) reliableBytes() int {
	if q.ranked() {
		_, bytes := q.total(true, pipeline.Low)
		return bytes
	}
	return q.reliable.bytes
}

// total returns the number and the size of the messages with at least the priority p.
func (q *Queue) total(reliable bool, p pipeline.Priority) (n, bytes int) {
	for ; p <= pipeline.Urgent; p++ {
		f := *q.fifo(reliable, p)
		n += f.len()
		bytes += f.bytes
	}
	return n, bytes
}

// priorityOf returns the priority with which m is queued.
func (q *Queue) priorityOf(m *Message) pipeline.Priority {
	if !q.ranked() {
		if m.Priority == pipeline.Normal {
			return pipeline.Normal
		}
		q.rank()
	}
	if at, ok := q.rare.homes[home{m.Channel, m.Intent == pipeline.Reliable}]; ok {
		return at.priority
	}
	return m.Priority
}

// enter counts a message that is queued with the priority p.
func (q *Queue) enter(m *Message, p pipeline.Priority) {
	if !q.ranked() {
		if p == pipeline.Normal {
			return
		}
		q.rank()
	}
	r, key := q.rare, home{m.Channel, m.Intent == pipeline.Reliable}
	r.homes[key] = place{r.homes[key].n + 1, p}
	r.ranked = true
}

// rank begins to keep priorities apart. All queued messages are of priority Normal, if
// there are any.
func (q *Queue) rank() {
	r := q.rareState()
	if r.homes == nil {
		r.homes = make(map[home]place)
	}
	for _, reliable := range [...]bool{false, true} {
		f := *q.fifo(reliable, pipeline.Normal)
		for _, it := range f.items[f.head:] {
			key := home{it.Channel, reliable}
			r.homes[key] = place{r.homes[key].n + 1, pipeline.Normal}
		}
	}
	r.ranked = len(r.homes) > 0
}

// leave counts a message that leaves the queue. With the last one the queue is not
// ranked any more.
func (r *rare) leave(it *Item) {
	key := home{it.Channel, it.Intent == pipeline.Reliable}
	at := r.homes[key]
	if at.n--; at.n > 0 {
		r.homes[key] = at
		return
	}
	delete(r.homes, key)
	r.ranked = len(r.homes) > 0
}

// homeOf returns the priority of the queued State messages of a channel.
func (q *Queue) homeOf(channel uint32) pipeline.Priority {
	if q.ranked() {
		return q.rare.homes[home{channel, false}].priority
	}
	return pipeline.Normal
}

// victim returns the priority from which a full queue drops its oldest State message: the
// lowest that holds more than its share of the limits. The shares are those of turns, so
// that no priority is crowded out.
func (q *Queue) victim() pipeline.Priority {
	if !q.ranked() {
		return pipeline.Normal
	}
	lowest := pipeline.Urgent
	for p := pipeline.Urgent; p >= pipeline.Low; p-- {
		if (*q.fifo(false, p)).len() > 0 {
			lowest = p
		}
	}
	for p := lowest; p <= pipeline.Urgent; p++ {
		f, share := *q.fifo(false, p), shares[p-pipeline.Low]
		if allShares*f.len() > share*int(q.limits.stateMessages) || allShares*f.bytes > share*int(q.limits.stateBytes) {
			return p
		}
	}
	return lowest
}

// Turns begins a packet: it returns the priorities of the queued messages, in the order
// in which the packet is filled from them. Without reliable, those that only Reliable
// messages have are left out.
func (q *Queue) Turns(reliable bool) (order [pipeline.Priorities]pipeline.Priority, n int) {
	q.lockStep()
	defer q.mu.Unlock()
	if q.rare == nil {
		return order, 1
	}
	var waiting [pipeline.Priorities]bool
	for p := pipeline.Low; p <= pipeline.Urgent; p++ {
		waiting[p-pipeline.Low] = (*q.fifo(false, p)).len() > 0 || reliable && (*q.fifo(true, p)).len() > 0
	}
	return q.rare.turns.order(waiting)
}

// served notes that a packet has taken messages with a priority.
func (q *Queue) served(p pipeline.Priority) {
	if q.rare != nil {
		q.rare.turns.served(p)
	}
}
