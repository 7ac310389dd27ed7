package intentra

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/intentra/intentra/conn"
)

// Outcome is what became of a message. Its String is "acked", "lost", "expired",
// "superseded", "displaced" or "given_up".
type Outcome = conn.Fate

// The outcomes.
const (
	// Acked means that the peer has acknowledged the message: its inbound chain has
	// accepted it, and for a Reliable one all those before it on its channel. It does
	// not mean that the peer's application has acted on it.
	Acked = conn.FateAcked
	// Lost means that the packet of a Realtime or Latest message is considered lost, or
	// that its session ended before the packet was acknowledged. The message may have
	// arrived.
	Lost = conn.FateLost
	// Expired means that the TTL ended before the message left. A Reliable message that
	// had left also expires when it would have to be sent again; it may have arrived.
	Expired = conn.FateExpired
	// Superseded means that a newer message of its Latest channel replaced it before it
	// left.
	Superseded = conn.FateSuperseded
	// Displaced means that newer messages displaced it from a full queue of Realtime
	// and Latest messages.
	Displaced = conn.FateDisplaced
	// GivenUp means that this side dropped it: with the session or the peer that it was
	// for, when the transport closed, in a stage of the outbound chain, or because it
	// fits no datagram to the peer. A Reliable message may have arrived.
	GivenUp = conn.FateGivenUp
)

// Delivery reports the outcome of a message with a Token.
type Delivery struct {
	Peer    *Peer
	Channel uint32
	Intent  Intent
	Token   uint64
	Outcome Outcome
	// Took is the time from the call that sent the message to its outcome. A peer may
	// take up to 200 ms to acknowledge a Realtime or Latest message, 25 ms for a
	// Reliable one, and does so at once for one from [Peer.SendAcked].
	Took time.Duration
}

// ErrNotAcked is returned by [Peer.SendAcked] for a message whose outcome is not Acked.
var ErrNotAcked = errors.New("intentra: message not acknowledged")

// acks are the calls of SendAcked that wait.
type acks struct {
	mu      sync.Mutex
	latest  uint64 // the number of the latest call
	waiting map[uint64]*waitingAck
}

// waitingAck is such a call. It stays until the outcome is known, even if the call has
// returned, for the sake of the token.
type waitingAck struct {
	done  chan Delivery // of capacity one
	token uint64        // of its message
}

// SendAcked queues m like [Peer.SendWait], waits until its outcome is known, and returns
// it. The packet with m asks the peer to acknowledge it at once. The error is nil if the
// outcome is Acked. Otherwise it is [ErrNotAcked], or, without an outcome, the cause of
// ctx or one of those of SendWait. In a callback it is always [ErrInCallback], and
// nothing is sent.
//
// If ctx ends first, the message stays queued; give it a TTL as well. A Token is reported
// to [Config].OnDelivery too.
func (p *Peer) SendAcked(ctx context.Context, m Message) (Delivery, error) {
	if err := p.checkContext(ctx); err != nil {
		return Delivery{}, err
	}
	if err := waits("SendAcked"); err != nil {
		return Delivery{}, err
	}
	a := &p.t.acks
	w := &waitingAck{done: make(chan Delivery, 1), token: m.Token}
	a.mu.Lock()
	if a.waiting == nil {
		a.waiting = make(map[uint64]*waitingAck)
	}
	a.latest++
	number := a.latest
	a.waiting[number] = w
	a.mu.Unlock()
	if err := p.sendWait(ctx, m, number); err != nil {
		a.take(number)
		return Delivery{}, err
	}
	return p.awaitOutcome(ctx, w)
}

// awaitOutcome waits for the outcome of a call of SendAcked.
func (p *Peer) awaitOutcome(ctx context.Context, w *waitingAck) (d Delivery, err error) {
	select {
	case d = <-w.done:
	case <-ctx.Done():
		return Delivery{}, context.Cause(ctx)
	case <-p.t.done:
		select {
		case d = <-w.done:
		default:
			return Delivery{}, errClosed
		}
	}
	if d.Outcome != Acked {
		return d, fmt.Errorf("%w: %s", ErrNotAcked, d.Outcome)
	}
	return d, nil
}

// take returns the call with a number, and forgets it.
func (a *acks) take(number uint64) *waitingAck {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.waiting[number]
	delete(a.waiting, number)
	return w
}

// handleDeliveries passes on the outcomes that the core knows.
func (t *Transport) handleDeliveries() {
	for t.core.HasDeliveries() {
		for _, d := range t.core.Deliveries(t.coreNow()) {
			t.decided(Delivery{
				Peer: t.peerOf(d.Peer), Channel: d.Channel, Intent: d.Intent, Token: d.Token, Outcome: d.Fate, Took: d.Took,
			}, d.Ask)
		}
	}
}

// decided passes on an outcome, if acked is true that of a call of SendAcked.
func (t *Transport) decided(d Delivery, acked bool) {
	if acked {
		w := t.acks.take(d.Token)
		if w == nil {
			return
		}
		d.Token = w.token
		w.done <- d
	}
	if t.cfg.OnDelivery == nil || d.Token == 0 {
		return
	}
	returned := false
	defer func() {
		if !returned {
			t.panics.Add(1)
			t.cfg.Logger.Error("panic or runtime.Goexit in OnDelivery", "panic", recover())
		}
	}()
	t.cfg.OnDelivery(d)
	returned = true
}

// givenUp calls OnGivenUp. The core recovers a panic in it.
func (t *Transport) givenUp(c *conn.Peer, channel uint32) {
	if t.cfg.OnGivenUp == nil {
		return
	}
	if t.core.HasEvents() {
		t.handleEvents() // OnPeer is called first
	}
	t.cfg.OnGivenUp(t.peerOf(c), channel)
}
