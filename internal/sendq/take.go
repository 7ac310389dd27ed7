package sendq

import "github.com/intentra/intentra/pipeline"

// Take calls f for each Reliable or each State message of one priority, oldest first,
// until f returns false. It removes the messages for which f returned true, and returns
// their number. Unless Waiting reports that the queue is ranked, all messages have the
// priority Normal. It leaves messages that follow unread messages of the log (see
// Withheld). f runs under the queue's lock, and must call neither the queue nor
// user code. it and payload are valid until f returns.
//
// A message that has expired is dropped. A notice remains of a Reliable one, which is
// an Item that is GivenUp: f is called for it, but it does not count.
func (q *Queue) Take(reliable bool, p pipeline.Priority, now pipeline.Time, f func(it *Item, payload []byte) bool) (taken int) {
	q.lockStep()
	defer q.mu.Unlock()
	from := *q.fifo(reliable, p)
	before, read := from.len(), q.log.read()
	for from.len() > 0 {
		it := from.front()
		if it.after > read {
			q.withheld = true
			break
		}
		if it.extra != nil && it.extra.expired(now) {
			q.uncommon().expired++
			q.decide(it, Expired)
			if !reliable {
				q.pop(from)
				continue
			}
			q.giveUp(from, it)
		}
		if !f(it, from.payload(it)) {
			break
		}
		if !it.GivenUp {
			taken++
		}
		q.pop(from)
	}
	if from.len() < before {
		q.taken += uint64(taken)
		q.served(p)
		q.publish()
		q.signal()
	}
	return taken
}

// pop removes the oldest message of f.
func (q *Queue) pop(f *fifo) {
	q.leave(f.front())
	f.pop()
}

// leave forgets a message that is about to leave the queue, except for its payload.
func (q *Queue) leave(it *Item) {
	if it.Intent == pipeline.Latest {
		delete(q.latest, it.Channel)
	}
	r := q.rare
	if r == nil {
		return
	}
	if it.GivenUp {
		r.notices--
	}
	r.recycle(it)
	if r.ranked {
		r.leave(it)
	}
}

// dropAll drops all messages and returns their number.
func (q *Queue) dropAll() (dropped int) {
	dropped = q.stateLen() + q.reliableLen() - q.notices()
	for _, reliable := range [...]bool{false, true} {
		for p := pipeline.Low; p <= pipeline.Urgent; p++ {
			slot := q.fifo(reliable, p)
			f := *slot
			if f == &none {
				continue
			}
			if q.rare != nil {
				for i := range f.len() {
					q.decide(&f.items[f.head+i], GivenUp)
				}
			}
			f.unshare()
			*slot = &none
		}
	}
	q.latest = nil
	if r := q.rare; r != nil {
		r.notices, r.ranked, r.expires = 0, false, 0
		clear(r.homes)
	}
	return dropped
}

// Restore returns Reliable messages that were taken to the front of the queue, in
// the given order. It copies the payloads and ignores the limits. A closed queue
// drops them. Restore returns the number of dropped messages.
//
// A message that is GivenUp is the notice that one was, and is not counted.
func (q *Queue) Restore(messages []Returned) (dropped int) {
	q.lockStep()
	defer q.mu.Unlock()
	count := 0
	for i := range messages {
		if !messages[i].GivenUp {
			count++
		}
	}
	if count > 0 {
		q.uncommon().restored += uint64(count)
	}
	if q.closed {
		for i := range messages {
			if m := &messages[i]; m.Token != 0 && !m.GivenUp {
				q.rareState().add(Decision{m.Channel, pipeline.Reliable, GivenUp, m.Ask, m.Token, m.Sent})
			}
		}
		q.countGivenUp(count)
		q.publish()
		return count
	}
	q.rankFor(messages)
	var fronts [pipeline.Priorities]*fifo
	for i := range messages {
		m := &messages[i]
		p := q.priorityOf(&m.Message)
		q.enter(&m.Message, p)
		f := &fronts[p-pipeline.Low]
		if *f == nil {
			*f = new(fifo)
		}
		it, _ := (*f).push(m.Channel, pipeline.Reliable, p, m.Payload, nil)
		if it.GivenUp = m.GivenUp; m.GivenUp {
			q.rareState().notices++
		} else {
			it.extra = q.extra(&m.Message)
		}
	}
	for i, front := range fronts {
		if front == nil {
			continue
		}
		slot := q.fifo(true, pipeline.Low+pipeline.Priority(i))
		for f := *slot; f.len() > 0; f.pop() {
			from := f.front()
			it, _ := front.push(from.Channel, from.Intent, from.Priority, f.payload(from), nil)
			it.GivenUp, it.extra, it.after = from.GivenUp, from.extra, from.after
		}
		*slot = front
	}
	q.account()
	q.publish()
	return 0
}

// rankFor makes the queue ranked if one of the messages has another priority than
// Normal. Otherwise those before it would be restored without being counted, and those
// after it on their channels would not join them.
func (q *Queue) rankFor(messages []Returned) {
	if q.ranked() {
		return
	}
	for i := range messages {
		if messages[i].Priority != pipeline.Normal {
			q.rank()
			q.rare.ranked = true
			return
		}
	}
}

// Returned is a message for Restore. Its Intent must be Reliable.
type Returned struct {
	Message
	GivenUp bool
}
