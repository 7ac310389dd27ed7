package sendq

import "github.com/intentra/intentra/pipeline"

// maxDecided is the most decisions that wait for the loop, beyond which Push rejects
// messages with a token. Those that are queued already may add to it.
const maxDecided = 4096

// rare is the state of a queue with messages that have a priority or a Mark.
type rare struct {
	ranks   [2][pipeline.Priorities]*fifo // State and Reliable; those of Normal are in Queue
	homes   map[home]place                // while ranked, of all queued messages
	ranked  bool                          // a message of another priority than Normal is or was queued
	turns   turns
	notices int // items that are GivenUp

	spare   *extra // to be used again
	decided []Decision
	// expires is the earliest time at which a message may expire, zero for none. The
	// message may have left already.
	expires pipeline.Time
	// news means that the loop does not know all of decided and expires yet, and called
	// that it has been woken for them.
	news, called bool
	gone         map[uint32]struct{} // scratch of expire
}

// Decision is the end of a message with a token.
type Decision struct {
	Channel uint32
	Intent  pipeline.Intent
	Fate    Fate
	Ask     bool
	Token   uint64
	Sent    pipeline.Time
}

// Fate is what became of a message.
type Fate uint8

// The fates. A queue decides the last four; the first two follow from what the peer
// acknowledges.
const (
	Acked Fate = iota + 1
	Lost
	Expired
	Superseded
	Displaced
	GivenUp
)

// rareState returns q.rare, which it makes if need be.
func (q *Queue) rareState() *rare {
	if q.rare == nil {
		r := new(rare)
		for i := range r.ranks {
			for j := range r.ranks[i] {
				r.ranks[i][j] = &none
			}
		}
		q.rare = r
	}
	return q.rare
}

// notices returns the number of queued items that are no messages.
func (q *Queue) notices() int {
	if q.rare == nil {
		return 0
	}
	return q.rare.notices
}

// extra returns the extra of a message that is queued, nil if it needs none.
func (q *Queue) extra(m *Message) *extra {
	if !m.marked() {
		return nil
	}
	r := q.rareState()
	x := r.spare
	if x == nil {
		x = new(extra)
	}
	r.spare = x.next
	*x = extra{Mark: m.mark()}
	if m.Expires != 0 && (r.expires == 0 || m.Expires < r.expires) {
		r.expires, r.news = m.Expires, true
	}
	return x
}

// recycle takes the extra of a message that leaves the queue.
func (r *rare) recycle(it *Item) {
	if x := it.extra; x != nil {
		x.next, r.spare, it.extra = r.spare, x, nil
	}
}

// expired reports whether a message must not leave any more.
func (x *extra) expired(now pipeline.Time) bool { return x.Expires != 0 && x.Expires <= now }

// decide notes what becomes of a message that leaves the queue other than to be sent.
func (q *Queue) decide(it *Item, f Fate) {
	if x := it.extra; x != nil && x.Token != 0 {
		q.rare.add(Decision{it.Channel, it.Intent, f, x.Ask, x.Token, x.Sent})
	}
}

func (r *rare) add(d Decision) {
	r.decided = append(r.decided, d)
	r.news = true
}

// undecidable reports whether m is rejected because the loop is behind with decisions.
func (q *Queue) undecidable(m *Message) bool {
	return m.Token != 0 && q.rare != nil && len(q.rare.decided) >= maxDecided
}

// News reports whether the core has to call Attend.
func (q *Queue) News() bool { return q.watched != nil || q.counts.Load()&flagNews != 0 }

// Attend appends the decisions since the last call to list. expires is when the core
// has to call Expire, zero for never.
func (q *Queue) Attend(list []Decision) (_ []Decision, expires pipeline.Time) {
	q.lockStep()
	defer q.mu.Unlock()
	r := q.rare
	if r == nil {
		return list, 0
	}
	list = append(list, r.decided...)
	if len(r.decided) >= maxDecided {
		q.signal()
	}
	if cap(r.decided) > maxDecided {
		r.decided = nil
	}
	r.decided = r.decided[:0]
	r.news, r.called = false, false
	q.publish()
	return list, r.expires
}

// giveUp turns a Reliable message into the notice that it is not sent.
func (q *Queue) giveUp(f *fifo, it *Item) {
	q.rare.recycle(it)
	f.empty(it)
	it.GivenUp = true
	q.rare.notices++
}

// Expire drops the messages that have expired. Of those of a Reliable channel that
// follow each other one notice remains.
func (q *Queue) Expire(now pipeline.Time) {
	q.lockStep()
	defer q.mu.Unlock()
	r := q.rare
	if r == nil || r.expires == 0 || r.expires > now {
		return
	}
	r.expires = 0
	for p := pipeline.Low; p <= pipeline.Urgent; p++ {
		if f := *q.fifo(false, p); f.len() > 0 {
			q.expireState(f, now)
		}
		if f := *q.fifo(true, p); f.len() > 0 {
			q.expireReliable(f, now)
		}
	}
	r.news = r.news || r.expires != 0
	q.publish()
	q.signal()
}

// lives reports whether a message is still to be sent. If not, its end is noted.
func (q *Queue) lives(it *Item, now pipeline.Time) bool {
	x, r := it.extra, q.rare
	switch {
	case x == nil || x.Expires == 0:
		return true
	case x.Expires > now:
		if r.expires == 0 || x.Expires < r.expires {
			r.expires = x.Expires
		}
		return true
	}
	q.uncommon().expired++
	q.decide(it, Expired)
	return false
}

func (q *Queue) expireState(f *fifo, now pipeline.Time) {
	f.filter(func(it *Item) bool {
		lives := q.lives(it, now)
		if !lives {
			q.leave(it)
		}
		return lives
	})
	q.reindex(f)
}

func (q *Queue) expireReliable(f *fifo, now pipeline.Time) {
	r := q.rare
	if r.gone == nil {
		r.gone = make(map[uint32]struct{})
	}
	clear(r.gone)
	f.filter(func(it *Item) bool {
		if !it.GivenUp && q.lives(it, now) {
			delete(r.gone, it.Channel)
			return true
		}
		if !it.GivenUp {
			q.giveUp(f, it)
		}
		if _, told := r.gone[it.Channel]; told {
			q.leave(it)
			return false
		}
		r.gone[it.Channel] = struct{}{}
		return true
	})
}

// trimRare frees what is rare, if the queue does not need it any more.
func (q *Queue) trimRare() {
	r := q.rare
	if r == nil {
		return
	}
	idle := q.state.len()+q.reliable.len() == 0 && !r.ranked && len(r.decided) == 0
	for i := range r.ranks {
		for j := range r.ranks[i] {
			idle = trim(&r.ranks[i][j]) && idle
		}
	}
	// The queue has been empty since the last Trim: it holds no buffers.
	if idle && cap(q.state.items)+cap(q.reliable.items) == 0 {
		q.rare = nil
		q.publish()
	}
}
