package hub

import (
	"errors"
	"slices"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/heap"
)

// The transport may lose a Latest value: its packet is lost, or it is displaced from a full
// queue. That does not matter while newer values follow. Once a topic rests, the hub sends
// its newest value again to every subscriber that may have missed it, until the transport
// says that it has arrived. So a subscriber ends with the newest value of every topic.
//
// A value in fragments carries a token, and its outcome decides. Others are broadcast
// without: for them the counters of the subscriber's transport decide, at which the hub looks
// once the topic has rested. A subscriber without losses costs nothing more, and gets no
// value twice.

// What we chose.
const (
	// restAfter is the time without an update after which a topic rests. It is longer than
	// most acknowledgements take.
	restAfter = time.Second
	// refreshEvery is how often values are sent again, refreshUpdates how many of a
	// member may be under way, and refreshBytes how large they may be together.
	refreshEvery   = 100 * time.Millisecond
	refreshUpdates = 256
	refreshBytes   = 64 << 10
	// largeValue is the size from which a value does not fit a datagram.
	largeValue = 1232
)

// Tokens of the hub have tokenHub set. Those of values that are sent again have tokenAgain
// too, and the other bits are those of topic.updates. Those of bulk have tokenBulk, and the
// other bits are the size.
const (
	tokenHub   = 1 << 63
	tokenAgain = 1 << 62
	tokenBulk  = 1 << 61
	tokenCount = tokenBulk - 1
)

// upkeep is what the hub knows of the values that a member may have missed.
type upkeep struct {
	member  *member
	stale   []*feed // that are to be sent again, each once
	waiting int     // values that were sent again, without an outcome yet
	bytes   int     // of them, and of those since there were none
	timer   heap.Node[timed]
	losses
}

func (u *upkeep) init(m *member, now time.Duration) {
	u.member = m
	u.timer.Value = u
	u.losses.begin(m.peer, now)
}

// token returns the token of a value, or zero.
func (t *topic) token(m *intentra.Message) uint64 {
	if m.Intent == intentra.Latest && len(m.Payload) > largeValue {
		return tokenHub | t.updates&tokenCount
	}
	return 0
}

// resting has the subscribers of the topic checked once it rests.
func (c *core) resting(t *topic, now time.Duration) {
	if !t.rest.Queued() {
		c.arm(&t.rest, now+restAfter)
	}
}

// rest is the timer of a topic that may rest.
type rest struct{ t *topic }

// timeout looks for subscribers that have missed the newest value of the topic.
func (r rest) timeout(c *core, now time.Duration) {
	t := r.t
	if t.removed || len(t.directOf) == 0 || len(t.value) > largeValue { // the outcome decides
		return
	}
	if now-t.latest < restAfter {
		c.arm(&t.rest, t.latest+restAfter)
		return
	}
	again := false
	for _, f := range t.directOf {
		arrived, decided := f.member.upkeep.arrived(f.member.peer, t.latest, now)
		again = again || !decided
		if !arrived {
			c.refresh(f, now)
		}
	}
	if again {
		c.arm(&t.rest, now+restAfter)
	}
}

// passed notes that a value was sent to this subscriber alone, or because it has passed the
// rules.
func (f *feed) passed(c *core, m *intentra.Message, now time.Duration) {
	if f.topic.desc.Intent == intentra.Latest && m.Token == 0 {
		f.sent = max(now, 1)
		if !f.timer.Queued() {
			c.arm(&f.timer, now+restAfter)
		}
	}
}

// rested looks whether the value has arrived of which passed was called last.
func (f *feed) rested(c *core, now time.Duration) {
	switch {
	case f.sent == 0:
	case now-f.sent < restAfter:
		c.arm(&f.timer, f.sent+restAfter)
	default:
		arrived, decided := f.member.upkeep.arrived(f.member.peer, f.sent, now)
		switch {
		case !decided:
			c.arm(&f.timer, now+restAfter)
		case arrived:
			f.sent = 0
		default:
			f.sent = 0
			c.refresh(f, now)
		}
	}
}

// delivered is called with the outcome of a value with a token of the hub.
func (c *core) delivered(d *intentra.Delivery, now time.Duration) {
	m := c.members[d.Peer]
	if m == nil {
		return
	}
	u := &m.upkeep
	if d.Token&tokenBulk != 0 {
		m.bulk.returned(int(d.Token & tokenCount))
		if m.bulk.messages == c.bulk.messages/2 {
			c.flush(m, now)
		}
		return
	}
	if d.Token&tokenAgain != 0 && u.waiting > 0 {
		if u.waiting--; u.waiting == 0 {
			u.bytes = 0
		}
	}
	f := m.byNumber[d.Channel]
	switch {
	case d.Outcome != intentra.Displaced && d.Outcome != intentra.Lost || f == nil:
	case f.at > 0 && d.Token&tokenCount != f.topic.updates&tokenCount: // a newer value has followed
	default:
		c.refresh(f, now)
	}
}

// refresh has the newest value sent to a subscriber that may have missed it.
func (c *core) refresh(f *feed, now time.Duration) {
	f.staleOf = f.topic.updates
	if f.stale {
		return
	}
	f.stale = true
	u := &f.member.upkeep
	u.stale = append(u.stale, f)
	c.arm(&u.timer, now+refreshEvery)
}

// timeout sends values again, as far as there is room.
func (u *upkeep) timeout(c *core, now time.Duration) {
	if len(u.stale) > 0 {
		u.look(u.member.peer, now)
	}
	kept := u.stale[:0]
	for _, f := range u.stale {
		if !u.send(c, f, now) {
			kept = append(kept, f)
			continue
		}
		f.stale = false
	}
	clear(u.stale[len(kept):])
	if u.stale = kept; len(kept) > 0 {
		c.arm(&u.timer, now+refreshEvery)
	}
}

// send sends the newest value of a topic again, unless that is not necessary any more. It
// returns false if it has to wait.
func (u *upkeep) send(c *core, f *feed, now time.Duration) (done bool) {
	t := f.topic
	value, ok := c.newest(t, now)
	switch {
	case f.state != feedLive || !f.wanted || !ok:
		return true
	case f.at > 0 && f.staleOf != t.updates: // a newer value has followed
		return true
	case f.at > 0 && now-t.latest < restAfter:
		return false // one may follow
	case slices.ContainsFunc(f.rules, func(r *rule) bool { return r.pending }): // it follows when the rate allows it
		return true
	case u.waiting >= refreshUpdates || u.waiting > 0 && u.bytes+len(value.payload) > refreshBytes || u.queued > refreshBytes:
		return false
	case c.filter != nil && !c.admits(f, &value, now):
		return true
	}
	f.visibleNow()
	m := t.message(&value, now)
	m.Token = tokenHub | tokenAgain | t.updates&tokenCount
	r := u.member.peer.Send(m)
	if r.Status == intentra.Dropped {
		c.stats.Refused++
		return !errors.Is(r.Err, intentra.ErrQueueFull)
	}
	u.waiting++
	u.bytes += len(value.payload)
	u.queued += len(value.payload)
	c.stats.Refreshed++
	return true
}
