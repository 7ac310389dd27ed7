package intentra

import (
	"context"
	"sync"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// mailroom holds the messages that wait for Receive, in two bounded rings a
// peer: of State the newest stay; Reliable is refused when full, and its
// sender keeps it and tries again. A slow reader costs nobody else anything.
type mailroom struct {
	mu     sync.Mutex
	limit  int
	turns  turns // of the peers with mail
	signal chan struct{}
	closed bool

	overwritten uint64
}

// box is one peer's part of the mailroom.
type box struct {
	state, reliable ring
	queued          bool  // in mailroom.turns
	next            *Peer // the one whose turn is after this
	ended           bool  // the peer is not coming back
	signal          chan struct{}
	overwritten     uint64
}

// ring is a bounded queue of messages that grows as it is used.
type ring struct {
	slots []letter
	head  int
	n     int
}

type letter struct {
	channel uint32
	intent  Intent
	payload []byte
}

func (m *mailroom) init(limit int) {
	m.limit = limit
	m.signal = make(chan struct{}, 1)
}

// box returns the peer's box. The caller holds the lock.
func (p *Peer) box() *box {
	if p.mail == nil {
		p.mail = new(box)
	}
	return p.mail
}

// put takes a copy of the message in hand. It reports whether an older one was
// overwritten.
func (m *mailroom) put(p *Peer, pk *pipeline.Packet) (overwritten bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := p.box()
	r := &b.state
	if pk.Intent == Reliable {
		r = &b.reliable
	}
	// Reliable messages that a gap had held back come in beyond the limit,
	// since they have been acknowledged; there is a bound on those already.
	if r == &b.state && r.n == m.limit {
		r.pop()
		b.overwritten++
		m.overwritten++
		overwritten = true
	}
	r.push(pk.Channel, pk.Intent, pk.Payload())
	m.turns.push(p)
	wakeOne(m.signal)
	wakeOne(b.signal)
	return overwritten
}

// room reports whether one more Reliable message is welcome.
func (m *mailroom) room(p *Peer) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return p.mail == nil || p.mail.reliable.n < m.limit
}

// receiveAny returns the next message of any peer, in turn.
func (m *mailroom) receiveAny(ctx context.Context) (Received, error) {
	for {
		m.mu.Lock()
		for p := m.turns.pop(); p != nil; p = m.turns.pop() {
			// Without mail if receive has been there first.
			msg, ok := m.take(p)
			if ok {
				if m.turns.first != nil {
					wakeOne(m.signal) // for another receiver
				}
				m.mu.Unlock()
				return Received{Peer: p, Message: msg}, nil
			}
		}
		closed := m.closed
		m.mu.Unlock()
		if closed {
			wakeOne(m.signal)
			return Received{}, errClosed
		}
		select {
		case <-m.signal:
		case <-ctx.Done():
			return Received{}, context.Cause(ctx)
		}
	}
}

// receive returns the next message of one peer.
func (m *mailroom) receive(ctx context.Context, p *Peer) (Message, error) {
	m.mu.Lock()
	b := p.box()
	if b.signal == nil {
		b.signal = make(chan struct{}, 1)
	}
	signal := b.signal
	m.mu.Unlock()
	for {
		m.mu.Lock()
		msg, ok := m.take(p)
		closed := m.closed || b.ended
		m.mu.Unlock()
		if ok {
			return msg, nil
		}
		if closed {
			wakeOne(signal) // for another receiver
			return Message{}, errClosed
		}
		select {
		case <-signal:
		case <-p.t.done:
			// Once more: what came last may still be there.
		case <-ctx.Done():
			return Message{}, context.Cause(ctx)
		}
	}
}

// setEnded says whether receivers of this one peer have anything to wait for.
func (m *mailroom) setEnded(p *Peer, ended bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.mail == nil && !ended {
		return
	}
	b := p.box()
	b.ended = ended
	if ended {
		wakeOne(b.signal)
	}
}

// take removes a message of p: Reliable first, because its ring holds up its
// sender. The caller holds the lock.
func (m *mailroom) take(p *Peer) (Message, bool) {
	b := p.mail // there is one: somebody has put something in, or waits
	r := &b.reliable
	if r.n == 0 {
		r = &b.state
	}
	if r.n == 0 {
		return Message{}, false
	}
	l := r.pop()
	if b.state.n+b.reliable.n > 0 {
		m.turns.push(p)
		wakeOne(b.signal)
	}
	return Message{Channel: l.channel, Intent: l.intent, Payload: append([]byte(nil), l.payload...)}, true
}

// close lets receivers take what is there, and then tells them that it is over.
func (m *mailroom) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	wakeOne(m.signal)
}

// dropped returns how many messages have been overwritten.
func (m *mailroom) dropped() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.overwritten
}

func wakeOne(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// turns is a queue of peers, linked through their boxes: with mail from
// thousands of them a turn costs no more than with two, and no memory. The zero
// value is empty.
type turns struct {
	first, last *Peer
}

// push puts p at the end, unless it has a turn already.
func (q *turns) push(p *Peer) {
	if p.mail.queued {
		return
	}
	p.mail.queued = true
	if q.first == nil {
		q.first = p
	} else {
		q.last.mail.next = p
	}
	q.last = p
}

// pop removes the first peer; nil if there is none.
func (q *turns) pop() *Peer {
	p := q.first
	if p == nil {
		return nil
	}
	q.first = p.mail.next
	if q.first == nil {
		q.last = nil // what is forgotten is not kept from here
	}
	p.mail.next, p.mail.queued = nil, false
	return p
}

// push appends a copy of payload. Slots keep their buffers.
func (r *ring) push(channel uint32, intent Intent, payload []byte) {
	if r.n == len(r.slots) {
		slots := make([]letter, max(8, 2*len(r.slots)))
		for i := range r.n {
			slots[i] = r.slots[(r.head+i)%len(r.slots)]
		}
		r.slots, r.head = slots, 0
	}
	l := &r.slots[(r.head+r.n)%len(r.slots)]
	l.channel, l.intent, l.payload = channel, intent, append(l.payload[:0], payload...)
	r.n++
}

// pop removes the oldest message. Its payload is good until the next push.
func (r *ring) pop() letter {
	l := r.slots[r.head]
	r.head = (r.head + 1) % len(r.slots)
	r.n--
	return l
}

// Receive waits for the next message of any peer; peers take turns. Messages
// that are still there when the transport is closed are returned before
// net.ErrClosed. It may be called from several goroutines, but not together
// with a Handler, which then gets all messages, nor from one.
func (t *Transport) Receive(ctx context.Context) (Received, error) { return t.mail.receiveAny(ctx) }

// deliver passes a message from the chain to the user.
func (t *Transport) deliver(c *conn.Peer, pk *pipeline.Packet) bool {
	if t.core.HasEvents() {
		// The peer is up before its first message.
		t.handleEvents()
	}
	p := t.peerOf(c)
	if t.cfg.Handler == nil {
		t.mail.put(p, pk)
		return true
	}
	t.cfg.Handler(p, Message{Channel: pk.Channel, Intent: pk.Intent, Payload: pk.Payload()})
	t.loop.watch.called(t.clock)
	return true
}

func (t *Transport) room(c *conn.Peer) bool {
	return t.cfg.Handler != nil || t.mail.room(t.peerOf(c))
}
