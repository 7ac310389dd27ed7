package conn

import (
	"slices"
	"time"

	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
)

// tokens are the Realtime and Latest messages with a token whose packets are in flight,
// in the order of sending. There are at most maxTokens; beyond it the oldest counts as
// lost, as the oldest packet does in ack.Tracker. A session has it while there are any.
type tokens struct {
	list []sentToken // from head on
	head int
}

// sentToken is a message that a packet in flight carries.
type sentToken struct {
	mark    sendq.Mark
	counter uint64
	at      pipeline.Time // when the packet was sent
	epoch   pipeline.ID
	channel uint32
	intent  pipeline.Intent
	decided bool
	part    *large // the Realtime message of which it is a fragment, or nil
}

// tokens returns the states with a token that are in flight, or nil without any.
func (s *session) tokens() *tokens {
	if s.more == nil {
		return nil
	}
	return s.more.tokens
}

func (t *tokens) len() int { return len(t.list) - t.head }

// carried notes that the packet under construction carries a Realtime or Latest message
// with a token.
func (f *fill) carried(p *pipeline.Packet) {
	f.carry(sentToken{mark: f.mark, channel: p.Channel, intent: p.Intent})
}

// carriedPart is carried for a fragment of a Realtime message. That is acknowledged when
// all are, and lost with any.
func (f *fill) carriedPart(p *pipeline.Packet, m *large) {
	m.unacked++
	f.carry(sentToken{mark: m.mark, channel: m.channel, intent: m.intent, part: m})
	if m.mark.Ask && m.cut.Done() {
		f.e.requestAck(f.s)
	}
}

func (f *fill) carry(m sentToken) {
	s, p := f.s, &f.e.outgoing
	m.counter, m.at, m.epoch = p.Counter, f.now, p.Epoch
	more := s.extra()
	if more.tokens == nil {
		more.tokens = new(tokens)
	}
	t := more.tokens
	if t.len() >= maxTokens {
		t.list[t.head].decide(f.e, s, FateLost)
		t.pop()
	}
	if t.len() >= maxTokens/2 {
		f.e.requestAck(s)
	}
	if t.head >= 32 && t.head >= t.len() {
		t.list, t.head = t.list[:copy(t.list, t.list[t.head:])], 0
	}
	t.list = append(t.list, m)
	s.rearm = true // for the question
}

// decide reports the fate of the message, once.
func (t *sentToken) decide(e *Endpoint, s *session, f Fate) {
	if t.decided {
		return
	}
	t.decided = true
	m := t.part
	if m == nil {
		e.decide(s.peer, t.channel, t.intent, t.mark, f)
		return
	}
	if m.unacked--; f != FateAcked || m.unacked == 0 && m.cut.Done() {
		e.settleLarge(s, m, f)
	}
}

// settleLarge reports the fate of a message of the outbox, if it has a token.
func (e *Endpoint) settleLarge(s *session, m *large, f Fate) {
	if m.mark.Token != 0 {
		e.decide(s.peer, m.channel, m.intent, m.mark, f)
		m.mark.Token = 0
	}
}

// outdated drops a message of the outbox that has expired before any of it was sent. A
// notice takes the place of a Reliable one.
func (f *fill) outdated(m *large) bool {
	if m.mark.Expires == 0 || m.mark.Expires > f.now || m.cut.Started() || m.notice {
		return false
	}
	f.e.stats.Expired++
	f.e.settleLarge(f.s, m, FateExpired)
	if m.intent != pipeline.Reliable {
		f.s.outbox.remove(m)
		return true
	}
	o := f.s.outbox
	o.leave(m) // what follows it is ready, after the notice
	m.payload, m.original, m.mark, m.notice, m.whole = nil, nil, sendq.Mark{}, true, true
	o.follow[m.channel]++
	o.lent.messages++
	o.ready = slices.Insert(o.ready, 0, m)
	return true
}

// pop removes the oldest message and those after it that are decided.
func (t *tokens) pop() {
	for t.head++; t.len() > 0 && t.list[t.head].decided; {
		t.head++
	}
	if t.len() == 0 {
		t.list, t.head = t.list[:0], 0
	}
}

// tokensDecided reports the messages whose packets are acknowledged or lost. It looks
// only at those up to the largest counter that is acknowledged, of which few remain
// undecided, so a peer that acknowledges with every packet causes little work.
func (e *Endpoint) tokensDecided(s *session) {
	t := s.tokens()
	for i := t.head; i < len(t.list); i++ {
		m := &t.list[i]
		if m.decided {
			continue
		}
		tr := e.tracker(s, m.epoch)
		if tr == nil {
			m.decide(e, s, FateLost)
			continue
		}
		acked, decided := tr.Decided(m.counter)
		switch {
		case acked:
			m.decide(e, s, FateAcked)
		case decided:
			m.decide(e, s, FateLost)
		}
		if !m.decided && m.counter >= tr.Acknowledged() && m.epoch == s.current.id {
			break
		}
	}
	if t.len() > 0 && t.list[t.head].decided {
		t.pop()
	}
}

// tokensAt returns when to ask the peer for the fate of the oldest message, if nothing
// else does: a packet that is lost shows only by acknowledgements of later ones.
func (e *Endpoint) tokensAt(s *session) (pipeline.Time, bool) {
	t := s.tokens()
	if t == nil || t.len() == 0 {
		return 0, false
	}
	return later(max(t.list[t.head].at, s.lastPing), max(tokenQuestion, e.rto(s))), true
}

// tokensTimeout asks, if it is time.
func (e *Endpoint) tokensTimeout(s *session, now pipeline.Time) {
	at, ok := e.tokensAt(s)
	switch {
	case ok && now >= at:
		s.pingDue, s.lastPing = true, now
		e.requestAck(s)
	case !ok:
		s.more.tokens = nil
	}
}

// What we chose.
const (
	// maxTokens is the most messages with a token that a session has in flight, of
	// Realtime and Latest ones.
	maxTokens = 4096
	// tokenQuestion is how long a message with a token may be in flight, before the
	// peer is asked for an acknowledgement: longer than it may delay one of states.
	tokenQuestion = 250 * time.Millisecond
	// expiryEvery is the shortest time between two looks for expired messages in the
	// queue of a peer. A message never leaves after it has expired.
	expiryEvery = 5 * time.Millisecond
)
