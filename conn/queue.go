package conn

import (
	"time"

	"github.com/intentra/intentra/internal/sendq"
)

// The methods in this file are those of a Peer's send queue. Any goroutine may call
// them, at any time.

// PushResult says what a push did with a message.
type PushResult uint8

const (
	// Queued means that the message was queued.
	Queued PushResult = iota + 1
	// Replaced means that the message was queued and replaced an older one: that of
	// its Latest channel, or the oldest of a full queue.
	Replaced
	// QueueFull means that the message was refused because the queue is full of
	// Reliable messages, or because the endpoint has yet to learn of the end of 4,096
	// messages with a token.
	QueueFull
	// PeerClosed means that the message was refused because the peer was
	// forgotten, or its queue closed.
	PeerClosed
	// PeerOffline means that the message was refused because the peer is not
	// connected, and either is not dialled by this side or the message is
	// Realtime.
	PeerOffline
)

// The values are those of sendq, so that a conversion suffices.
var _ = [1]struct{}{}[uint8(PeerOffline)-uint8(sendq.Offline)+uint8(Queued)-uint8(sendq.Queued)]

// Taken reports whether the message is queued: r is Queued or Replaced.
func (r PushResult) Taken() bool { return r == Queued || r == Replaced }

// Push queues m, with a copy of its payload, to be sent to the peer. It does not block.
// If wake is true the driver must call [Endpoint.MarkReady]; further pushes return false
// until the endpoint has read the queue.
//
// A full queue of Realtime and Latest messages drops its oldest ones of the lowest
// priority that has more than its share, and takes even a message that alone
// exceeds Config.SendQueueBytes. A Latest message replaces a queued one of its
// channel, in its place. The caller makes sure that intent and priority are valid
// and that the message fits a packet of [Config].MaxDatagram bytes. It keeps m.
func (p *Peer) Push(m *Message) (r PushResult, wake bool) {
	p.checked()
	o, wake := p.queue.Push(m.checked())
	return PushResult(o), wake
}

// PushWait is Push for a caller that waits instead of having a message refused
// or replaced. If room is not nil the message was not taken, and room is closed
// when another attempt may succeed.
func (p *Peer) PushWait(m *Message) (r PushResult, wake bool, room <-chan struct{}) {
	p.checked()
	o, wake, room := p.queue.PushWait(m.checked())
	return PushResult(o), wake, room
}

// PushShared is Push without a copy, for a payload that is sent to several
// peers, in place of that of m. If the message is taken, the queue takes over one of
// the caller's shares of shared.
func (p *Peer) PushShared(m *Message, shared Payload) (r PushResult, wake bool) {
	p.checked()
	o, wake := p.queue.PushShared(m.checked(), shared.checked().shared)
	return PushResult(o), wake
}

// Payload is a copy of a payload that several queues share, so that a broadcast
// is copied once and not once a queue. It is safe for concurrent use. The zero
// value is not ready; see [NewPayload].
type Payload struct{ shared *sendq.Payload }

// NewPayload returns a copy of b with the number of shares, all of them the
// caller's. The copy is reused once all shares are released: the caller releases
// those that no queue has taken over.
func NewPayload(b []byte, shares int) Payload { return Payload{sendq.NewPayload(b, shares)} }

// Release releases n of the caller's shares.
func (p Payload) Release(n int) { p.checked().shared.Release(n) }

// Queued returns how many messages are queued: state counts Realtime and Latest
// messages, reliable Reliable ones. It takes no lock.
func (p *Peer) Queued() (state, reliable int) { return p.checked().queue.Len() }

// QueuedBytes returns how many bytes of payload are queued.
func (p *Peer) QueuedBytes() int { return p.checked().queue.Bytes() }

// QueueFlow counts the messages that have passed through a peer's queue. Each
// that came in, Pushed or Restored, either is queued or is counted once more.
type QueueFlow struct {
	// Pushed counts messages that a push took, Restored Reliable ones that came
	// back unacknowledged from a session that ended.
	Pushed, Restored uint64
	// Taken counts messages that the endpoint took to send, Superseded those
	// replaced by a newer one of their Latest channel, Displaced those that a full
	// queue dropped, Expired those that became too old in it, GivenUp those dropped
	// with their session or peer.
	Taken, Superseded, Displaced, Expired, GivenUp uint64
}

// QueueFlow returns the counts since the peer was made, and how many messages
// are queued at the same moment.
func (p *Peer) QueueFlow() (f QueueFlow, queued int) {
	p.checked()
	flow, queued := p.queue.Flow()
	return QueueFlow(flow), queued
}

// WarmQueue reads a little of the queue, so that the processor fetches it: for
// a caller that is about to push to many peers. It changes nothing.
func (p *Peer) WarmQueue() { p.checked().queue.Warm() }

// CloseQueue has all further pushes refused with [PeerClosed], wakes waiters,
// drops the queued messages and returns their number. It is for the end of an
// endpoint: while one is driven, it closes the queues of forgotten peers itself.
func (p *Peer) CloseQueue() (dropped int) { return p.checked().queue.Close() }

// Displace drops the n oldest of the queued Realtime and Latest messages, for a replay:
// a recorded queue dropped that many, because all queues together needed too much memory;
// see Journal.Displaced.
func (p *Peer) Displace(n int) { p.checked().queue.Displace(n) }

// queueWatcher passes the steps and pushes of a peer's queue on to a Journal.
type queueWatcher struct {
	peer *Peer
	j    *Journal
}

// Step implements sendq.Watcher.
func (w queueWatcher) Step(_ *sendq.Queue, _, n uint64) {
	if w.j.Step != nil {
		w.j.Step(w.peer, n)
	}
}

// Pushed implements sendq.Watcher.
func (w queueWatcher) Pushed(_, n uint64, m sendq.Message) {
	if w.j.Pushed != nil {
		w.j.Pushed(w.peer, n, Message(m))
	}
}

// Displaced implements sendq.Watcher.
func (w queueWatcher) Displaced(_, n uint64, count int) {
	if w.j.Displaced != nil {
		w.j.Displaced(w.peer, n, count)
	}
}

// queueLimits returns the limits of each peer's queue.
func (e *Endpoint) queueLimits() sendq.Limits {
	state := e.cfg.SendQueueBytes
	if e.limited() {
		// Realtime messages would become old in a longer queue.
		state = min(state, max(e.cfg.MaxDatagram, int(int64(e.cfg.PeerBandwidth)*int64(freshFor)/int64(time.Second))))
	}
	return sendq.Limits{
		StateMessages: e.cfg.SendQueueMessages, StateBytes: state,
		ReliableMessages: e.cfg.ReliableQueueMessages, ReliableBytes: e.cfg.ReliableQueueBytes,
	}
}
