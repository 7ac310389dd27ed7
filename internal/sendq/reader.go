package sendq

// The methods in this file are the loop's.

// Reading reports whether the queue is a reader of the log's batch and has not finished.
func (q *Queue) Reading() bool { return q.reading }

// Withheld reports whether Take has left a message in the queue, since the last call,
// because messages of the log come before it that are not in a batch yet.
func (q *Queue) Withheld() bool {
	withheld := q.withheld
	q.withheld = false
	return withheld
}

// ReadLog appends the frames of the next messages in the log to data, as many as fit into
// room bytes, and returns how many these are. Afterwards q has finished, unless the next
// one does not fit. State messages that are in the queue already may have to go first, so
// the queue must not have any: see [Queue.Spill]. Without origins, Origin frames are left
// out.
func (q *Queue) ReadLog(data []byte, room int, origins bool) (_ []byte, read int) {
	b := q.log.reading
	from, to := int32(0), int32(0) // of frames that follow each other, which are copied together
	for ; int(q.next) < len(b.entries); q.next++ {
		e := &b.entries[q.next]
		if !b.reads(q.place, e) {
			continue
		}
		first := e.from
		if !origins {
			first = e.frame
		}
		if int(e.to-first) > room {
			break
		}
		if first != to {
			data = append(data, b.data[from:to]...)
			from = first
		}
		to = e.to
		room -= int(e.to - first)
		read++
	}
	data = append(data, b.data[from:to]...)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pushed += uint64(read)
	q.taken += uint64(read)
	if int(q.next) == len(b.entries) {
		q.finish()
	}
	return data, read
}

// Spill has q finish: the messages that it has not read go into the queue, each to its
// place. It returns how many were dropped because the peer is offline.
func (q *Queue) Spill() (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.spill()
}

// spill is Spill for a caller that holds the lock, and does nothing if q has finished.
func (q *Queue) spill() (dropped int) {
	if !q.reading {
		return 0
	}
	b := q.log.reading
	for ; int(q.next) < len(b.entries); q.next++ {
		e := &b.entries[q.next]
		switch {
		case !b.reads(q.place, e):
			continue
		case q.closed || !q.keeps(e.intent):
			q.uncommon().givenUp++
			dropped++
		default:
			q.insert(b, e, b.first+uint64(q.next))
		}
		q.pushed++
	}
	q.finish()
	q.publish()
	return dropped
}

// insert queues message number at of the log, before the messages that were pushed after
// it had been written.
func (q *Queue) insert(b *batch, e *entry, at uint64) {
	m := Message{Channel: e.channel, Intent: e.intent, Origin: e.origin, Within: e.within}
	if f, newer, ok := q.waiting(&m); ok && f.at(newer).after > at {
		q.uncommon().superseded++
		return
	}
	shared := b.share(e)
	m.Payload = shared.bytes
	if q.pushState(&m, shared, at) == Full {
		q.uncommon().displaced++ // by those that keep the memory
		shared.Release(1)
		return
	}
	shared.charge(q.budget)
	q.account()
	f := *q.fifo(false, q.homeOf(e.channel))
	if it := f.back(); it.shared == shared && it.after == at {
		q.sink(f)
	}
}

// sink moves the newest message of f to the place where it belongs.
func (q *Queue) sink(f *fifo) {
	for i := f.first + uint64(f.len()) - 1; i > f.first && f.at(i-1).after > f.at(i).after; i-- {
		before, it := f.at(i-1), f.at(i)
		*before, *it = *it, *before
		q.index(f, i-1)
		q.index(f, i)
	}
}

// finish ends the reading of the batch. The caller holds the lock.
func (q *Queue) finish() {
	l := q.log
	n := l.reading.readers[q.place].replaced
	q.pushed += n
	if n > 0 {
		q.uncommon().superseded += n
	}
	q.reading = false
	l.left--
}
