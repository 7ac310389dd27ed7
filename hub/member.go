package hub

import (
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/heap"
)

// member is a connected peer. The hub does not queue announcements for it, but the state
// that the peer does not know yet, which is bounded however slow the peer is.
type member struct {
	peer      *intentra.Peer
	publisher *publisher
	joined    time.Duration
	place     int32 // in core.roster
	greeted   bool  // its hello has come
	flushing  bool
	urged     bool   // it has been told that a hello is expected
	seq       uint64 // of the latest control message from it

	declared      map[uint32]*topic // by the peer's channel
	subscriptions []*subscription
	feeds         map[*topic]*feed
	byNumber      map[uint32]*feed // those that the peer knows, by the hub's channel
	requests      budget

	replies   []message       // to requests, in order
	ended     []*subscription // that end because the peer is slow
	dirty     []*feed         // to announce or retract
	demands   []*topic        // whose demand has changed
	watching  bool
	unseen    []*publisher // whose presence has changed
	inUnseen  map[*publisher]bool
	listing   *listing
	hubsDue   bool // core.hubs are to be sent
	retry     heap.Node[timed]
	complains time.Duration // when it may be told of undeclared channels again

	held      []held
	heldBytes int
	upkeep    upkeep
	bulk      bulk // under way
}

// subscription is a pattern of a member.
type subscription struct {
	id       uint32
	pattern  Pattern
	interval time.Duration // between updates of one topic; zero: any
	area     *Area
	cached   bool
	ending   bool   // it ends because its subscriber is slow
	ended    bool   // it is no longer among the member's
	missed   uint64 // Reliable updates since
}

// listing is a list of topics that is being sent.
type listing struct {
	pattern Pattern
	after   string // the last path that was sent
}

func newMember(p *intentra.Peer, pub *publisher, l Limits, now time.Duration) *member {
	m := &member{
		peer: p, publisher: pub, joined: now,
		declared: make(map[uint32]*topic), feeds: make(map[*topic]*feed),
		byNumber: make(map[uint32]*feed), inUnseen: make(map[*publisher]bool),
		requests: newBudget(l.Requests, l.RequestBurst),
	}
	m.retry.Value = m
	m.upkeep.init(m, now)
	return m
}

// complain tells the member that a channel is not declared.
func (c *core) complain(m *member, channel uint32, now time.Duration) {
	if now < m.complains {
		return
	}
	m.complains = now + complainAfter
	c.reply(m, message{
		Type: typeError, For: "data", Channel: &channel, Code: codeUndeclared,
		Text: "no topic is declared on this channel",
	}, now)
}

// timeout tries again to send what had no room, and drops held updates whose
// channel is still undeclared.
func (m *member) timeout(c *core, now time.Duration) {
	if len(m.held) > 0 {
		if now-m.joined < heldTime {
			c.arm(&m.retry, m.joined+heldTime)
		} else {
			m.discard(c, now)
		}
	}
	if !m.greeted && !m.urged {
		if now-m.joined < urgeAfter {
			c.arm(&m.retry, m.joined+urgeAfter)
		} else {
			c.urge(m, now)
		}
	}
	c.flush(m, now)
}

// urge tells the member once that a hello is expected, unless its hello has come.
func (c *core) urge(m *member, now time.Duration) {
	if m.greeted || m.urged {
		return
	}
	m.urged = true
	c.reply(m, message{
		Type: typeError, For: "session", Code: codeHello,
		Text: "this is a hub: it waits for a hello, and relays topics only",
	}, now)
}

// reply queues the answer to a request.
func (c *core) reply(m *member, msg message, now time.Duration) {
	if len(m.replies) >= maxReplies {
		c.stats.Flooded++
		_ = m.peer.CloseWith(intentra.CloseViolation) // fails only if the hub is closing
		return
	}
	m.replies = append(m.replies, msg)
	c.flush(m, now)
}

// presence has all watchers told of a publisher.
func (c *core) presence(pub *publisher, now time.Duration) {
	c.share(pub)
	if c.onPresence != nil {
		c.onPresence(pub.describe())
	}
	for _, m := range c.roster.Snapshot() {
		if m.watching {
			c.show(m, pub)
			c.flush(m, now)
		}
	}
}

// show has one member told of a publisher.
func (c *core) show(m *member, pub *publisher) {
	if !m.inUnseen[pub] {
		m.inUnseen[pub] = true
		m.unseen = append(m.unseen, pub)
	}
}

// fallBehind ends the subscriptions of a Reliable topic for which the member has no
// room: a gap must not be silent. Until the member can be told, what it misses is
// counted.
func (m *member) fallBehind(c *core, f *feed, now time.Duration) {
	for _, r := range f.rules {
		r.sub.missed++
		if !r.sub.ending {
			r.sub.ending = true
			c.stats.Slow++
			m.ended = append(m.ended, r.sub)
		}
	}
	c.arm(&m.retry, now+retryAfter)
}
