package sendq

import "github.com/intentra/intentra/pipeline"

// A State queue keeps the newest messages. A Latest message supersedes the queued
// one of its channel, in its place, and a full queue drops the oldest messages of the
// lowest priority that has more than its share. The callers of these methods hold the
// lock.

// pushState queues m after that many messages of the log.
func (q *Queue) pushState(m *Message, shared *Payload, after uint64) Outcome {
	o := Queued
	dropped, ok := q.makeRoom(m, shared)
	if dropped > 0 {
		o = Replaced
		q.watched.displaced(dropped)
	}
	if !ok {
		return Full
	}
	p := q.priorityOf(m)
	f, at, ok := q.waiting(m)
	if ok {
		o = Replaced
		q.uncommon().superseded++
		q.decide(f.at(at), Superseded)
		if q.supersede(f, at, m, shared, after) {
			q.account()
			return o
		}
	}
	for q.full(m.Intent, len(m.Payload)) && q.stateLen() > 0 {
		q.displace()
		o = Replaced
	}
	f, at = q.append(m, p, shared, after)
	q.index(f, at)
	q.account()
	return o
}

// index notes the position of a message of f, if it is Latest.
func (q *Queue) index(f *fifo, at uint64) {
	it := f.at(at)
	if it.Intent != pipeline.Latest {
		return
	}
	if q.latest == nil {
		q.latest = make(map[uint32]uint64)
	}
	q.latest[it.Channel] = at
}

// reindex is index for all messages of f, whose positions have changed.
func (q *Queue) reindex(f *fifo) {
	for i := range f.len() {
		q.index(f, f.first+uint64(i))
	}
}

// LimitState changes the limit of StateBytes, and drops the oldest messages beyond it,
// see victim. A queue keeps at least one message.
func (q *Queue) LimitState(bytes int) {
	q.lockStep()
	defer q.mu.Unlock()
	q.limits.stateBytes = int32(bytes)
	for q.stateBytes() > bytes && q.stateLen() > 1 {
		q.displace()
	}
	q.publish()
	q.signal()
}

// displace drops the oldest message of a priority, see victim.
func (q *Queue) displace() {
	f := *q.fifo(false, q.victim())
	q.decide(f.front(), Displaced)
	q.uncommon().displaced++
	q.pop(f)
}

// waiting returns the position of the queued message that m supersedes.
func (q *Queue) waiting(m *Message) (f *fifo, at uint64, ok bool) {
	if m.Intent == pipeline.Latest {
		if at, ok = q.latest[m.Channel]; ok {
			f = *q.fifo(false, q.homeOf(m.Channel))
		}
	}
	return f, at, ok
}

// supersede replaces the payload of the message at a position. The new message keeps
// the place of the old one, so that a channel that changes faster than the queue
// drains is sent too. If there is not enough room without removing the old message
// itself, supersede removes it and returns false; then the new message must be
// queued at the end.
func (q *Queue) supersede(f *fifo, at uint64, m *Message, shared *Payload, after uint64) bool {
	for q.overflows(f, at, len(m.Payload)) {
		if low := *q.fifo(false, q.victim()); low == f && f.first == at {
			q.pop(f)
			return false
		}
		q.displace()
	}
	it := f.at(at)
	if q.rare != nil {
		q.rare.recycle(it)
	}
	it.extra = q.extra(m)
	f.replace(it, m.Payload, shared)
	it.after = after
	return true
}

// overflows reports whether the queue would exceed its limit with n bytes in place
// of the message at a position of f.
func (q *Queue) overflows(f *fifo, at uint64, n int) bool {
	return q.stateBytes()-f.at(at).size()+n > int(q.limits.stateBytes)
}

// dropRealtime drops all Realtime messages and returns their number.
func (q *Queue) dropRealtime() (dropped int) {
	for p := pipeline.Low; p <= pipeline.Urgent; p++ {
		f := *q.fifo(false, p)
		if f.len() == 0 {
			continue
		}
		before := f.len()
		f.filter(func(it *Item) bool {
			if it.Intent != pipeline.Realtime {
				return true
			}
			q.decide(it, GivenUp)
			q.leave(it)
			return false
		})
		q.reindex(f)
		dropped += before - f.len()
	}
	return dropped
}
