package intentra

import (
	"context"
	"slices"
	"sync"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// maxForgotten is how many forgotten peers may have mail that nobody has read.
// MaxPeers does not count them, and one key can make as many as it likes.
const maxForgotten = 64

// mailroom holds the messages that wait for Receive, in two bounded rings a
// peer: of State the newest stay; Reliable is refused when full, and its
// sender keeps it and tries again. A slow reader costs nobody else anything.
type mailroom struct {
	mu     sync.Mutex
	limit  int
	turns  turns // of the peers with mail
	signal chan struct{}
	closed bool

	forgotten []*Peer // those with mail, from the oldest

	overwritten uint64 // or given up with a forgotten peer
}

// box is one peer's part of the mailroom.
type box struct {
	state, reliable ring
	queued          bool  // in mailroom.turns: while there is mail
	prev, next      *Peer // those whose turns are before and after this
	ended           bool  // the peer is not coming back
	signal          chan struct{}
	overwritten     uint64
}

// minSlots is the size of the smallest ring; the next ones have twice as many.
const minSlots = 8

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

// waiting returns how many messages there are.
func (b *box) waiting() int { return b.state.n + b.reliable.n }

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
		if p := m.turns.pop(); p != nil {
			msg, _ := m.take(p) // who has a turn has mail
			if m.turns.first != nil {
				wakeOne(m.signal) // for another receiver
			}
			m.mu.Unlock()
			return Received{Peer: p, Message: msg}, nil
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

// forget tells the receivers of this one peer that it is not coming back. What
// nobody has read yet can still be read; where too many forgotten peers have
// such mail, that of the one forgotten first is given up.
func (m *mailroom) forget(p *Peer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := p.box()
	b.ended = true
	wakeOne(b.signal)
	if b.waiting() == 0 {
		m.emptied(p)
		return
	}
	if len(m.forgotten) == maxForgotten {
		oldest := m.forgotten[0]
		n := uint64(oldest.mail.waiting())
		oldest.mail.overwritten += n
		m.overwritten += n
		m.emptied(oldest)
	}
	m.forgotten = append(m.forgotten, p)
}

// emptied takes back the turn of a peer whose mail is gone, so that the mailroom
// does not keep the peer, and its buffers if no more mail will come. The caller
// holds the lock.
func (m *mailroom) emptied(p *Peer) {
	m.turns.remove(p)
	b := p.mail
	if !b.ended {
		return
	}
	b.state, b.reliable = ring{}, ring{}
	if i := slices.Index(m.forgotten, p); i >= 0 {
		m.forgotten = slices.Delete(m.forgotten, i, i+1)
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
	r.trim(m.limit)
	if b.waiting() > 0 {
		m.turns.push(p)
		wakeOne(b.signal)
	} else {
		m.emptied(p)
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

// dropped returns how many messages have been overwritten or given up.
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
		p.mail.prev = q.last
	}
	q.last = p
}

// pop removes the first peer; nil if there is none.
func (q *turns) pop() *Peer {
	p := q.first
	if p != nil {
		q.remove(p)
	}
	return p
}

// remove takes p out, if it has a turn.
func (q *turns) remove(p *Peer) {
	b := p.mail
	if !b.queued {
		return
	}
	if b.prev == nil {
		q.first = b.next
	} else {
		b.prev.mail.next = b.next
	}
	if b.next == nil {
		q.last = b.prev
	} else {
		b.next.mail.prev = b.prev
	}
	b.prev, b.next, b.queued = nil, nil, false
}

// push appends a copy of payload. Slots keep their buffers.
func (r *ring) push(channel uint32, intent Intent, payload []byte) {
	if r.n == len(r.slots) {
		slots := make([]letter, max(minSlots, 2*len(r.slots)))
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

// trim frees the slots of an empty ring that is larger than limit messages ask
// for: what a gap had held back has come in at once, which is rare.
func (r *ring) trim(limit int) {
	if r.n == 0 && len(r.slots) >= 2*max(minSlots, limit) {
		*r = ring{}
	}
}

// Receive waits for the next message of any peer; peers take turns. Messages
// that are still there when the transport is closed are returned before
// net.ErrClosed; those of peers that are not coming back wait, too, but only of
// the 64 that went last. It may be called from several goroutines, but not together
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
