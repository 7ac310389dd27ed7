package conn

import (
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
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
	// Reliable messages.
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

// Push queues a copy of payload to be sent to the peer. It does not block. If wake is
// true the driver must call [Endpoint.MarkReady]; further pushes return false until the
// endpoint has read the queue.
//
// A full queue of Realtime and Latest messages drops its oldest ones, and takes
// even a message that alone exceeds Config.SendQueueBytes. A Latest message
// replaces a queued one of its channel, in its place. The caller makes sure that
// intent is valid and that the message fits a packet of [Config].MaxDatagram
// bytes.
func (p *Peer) Push(channel uint32, intent pipeline.Intent, payload []byte) (r PushResult, wake bool) {
	o, wake := p.queue.Push(channel, intent, payload)
	return PushResult(o), wake
}

// PushWait is Push for a caller that waits instead of having a message refused
// or replaced. If room is not nil the message was not taken, and room is closed
// when another attempt may succeed.
func (p *Peer) PushWait(channel uint32, intent pipeline.Intent, payload []byte) (r PushResult, wake bool, room <-chan struct{}) {
	o, wake, room := p.queue.PushWait(channel, intent, payload)
	return PushResult(o), wake, room
}

// PushShared is Push without a copy, for a payload that is sent to several
// peers. If the message is taken, the queue takes over one of the caller's
// shares of shared.
func (p *Peer) PushShared(channel uint32, intent pipeline.Intent, shared Payload) (r PushResult, wake bool) {
	o, wake := p.queue.PushShared(channel, intent, shared.shared)
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
func (p Payload) Release(n int) { p.shared.Release(n) }

// Queued returns how many messages are queued: state counts Realtime and Latest
// messages, reliable Reliable ones. It takes no lock.
func (p *Peer) Queued() (state, reliable int) { return p.queue.Len() }

// QueuedBytes returns how many bytes of payload are queued.
func (p *Peer) QueuedBytes() int { return p.queue.Bytes() }

// QueueFlow counts the messages that have passed through a peer's queue. Each
// that came in, Pushed or Restored, either is queued or is counted once more.
type QueueFlow struct {
	// Pushed counts messages that a push took, Restored Reliable ones that came
	// back unacknowledged from a session that ended.
	Pushed, Restored uint64
	// Taken counts messages that the endpoint took to send, Superseded those
	// replaced by a newer one of their Latest channel, Displaced those that a full
	// queue dropped, GivenUp those dropped with their session or peer.
	Taken, Superseded, Displaced, GivenUp uint64
}

// QueueFlow returns the counts since the peer was made, and how many messages
// are queued at the same moment.
func (p *Peer) QueueFlow() (f QueueFlow, queued int) {
	flow, queued := p.queue.Flow()
	return QueueFlow(flow), queued
}

// WarmQueue reads a little of the queue, so that the processor fetches it: for
// a caller that is about to push to many peers. It changes nothing.
func (p *Peer) WarmQueue() { p.queue.Warm() }

// CloseQueue has all further pushes refused with [PeerClosed], wakes waiters,
// drops the queued messages and returns their number. It is for the end of an
// endpoint: while one is driven, it closes the queues of forgotten peers itself.
func (p *Peer) CloseQueue() (dropped int) { return p.queue.Close() }

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
func (w queueWatcher) Pushed(_, n uint64, channel uint32, intent pipeline.Intent, payload []byte) {
	if w.j.Pushed != nil {
		w.j.Pushed(w.peer, n, channel, intent, payload)
	}
}

// queueLimits returns the limits of each peer's queue.
func (e *Endpoint) queueLimits() sendq.Limits {
	return sendq.Limits{
		StateMessages: e.cfg.SendQueueMessages, StateBytes: e.cfg.SendQueueBytes,
		ReliableMessages: e.cfg.ReliableQueueMessages, ReliableBytes: e.cfg.ReliableQueueBytes,
	}
}
