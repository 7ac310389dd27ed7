package intentra

import (
	"context"
	"errors"
	"net"
	"sync/atomic"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/wire"
)

// SendStatus says what Send did with a message.
type SendStatus uint8

// The statuses.
const (
	// Queued means that the message waits to be sent.
	Queued SendStatus = iota + 1
	// Replaced means that the message waits to be sent and that an older one was
	// dropped for it: the queued one of its Latest channel, or the oldest in a
	// full queue.
	Replaced
	// Dropped means that the message was refused, for the reason in Err.
	Dropped
)

// String returns the name of the status, "invalid" for an unknown one.
func (s SendStatus) String() string {
	switch s {
	case Queued:
		return "queued"
	case Replaced:
		return "replaced"
	case Dropped:
		return "dropped"
	}
	return "invalid"
}

// SendResult is the result of [Peer.Send].
type SendResult struct {
	Status SendStatus
	// Err is nil unless Status is Dropped. It is ErrMessageTooLarge, ErrQueueFull,
	// ErrNotConnected, ErrIntent, a *ClosedError or net.ErrClosed.
	Err error
}

// Send queues m and reports what became of it. It copies the payload and never
// blocks.
//
// While a peer that this side dials is not connected, Latest and Reliable messages
// wait for it and Realtime ones are dropped. For a peer that dials this side, all
// are dropped. The error is [ErrNotConnected], or that of [Peer.Err] if the peer does
// not come back.
func (p *Peer) Send(m Message) SendResult {
	if err := p.check(&m); err != nil {
		return p.sent(&m, p.refused(err))
	}
	o, wake := p.core.Push(m.Channel, m.Intent, m.Payload)
	return p.sent(&m, p.pushed(o, wake))
}

// SendWait queues m like Send, but waits where Send would drop a message, this or
// an older one, because the queue is full or the peer not connected. The error is the
// cause of ctx, one of those of Send, or, in a callback and if it had to wait,
// [ErrInCallback].
func (p *Peer) SendWait(ctx context.Context, m Message) error {
	if err := p.check(&m); err != nil {
		return p.sent(&m, p.refused(err)).Err
	}
	for {
		o, wake, room := p.core.PushWait(m.Channel, m.Intent, m.Payload)
		if room == nil {
			return p.sent(&m, p.pushed(o, wake)).Err
		}
		if err := waits("SendWait"); err != nil {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.t.done:
			return p.sent(&m, p.refused(errClosed)).Err
		}
	}
}

// check returns the reason why m cannot be sent, or nil. It replaces the zero Intent.
func (p *Peer) check(m *Message) error {
	switch {
	case !p.valid():
		return errNoPeer
	case m.Intent == 0:
		m.Intent = Realtime
	case m.Intent > Reliable:
		return ErrIntent
	}
	limit := p.t.cfg.MaxDatagram
	if n := int(p.maxDatagram.Load()); n > 0 {
		limit = min(limit, n)
	}
	size := wire.MessageSize(pack.FrameType(m.Intent), m.Channel, len(m.Payload)+p.t.core.Outbound().MaxGrowth())
	if size+wire.Overhead > limit {
		return ErrMessageTooLarge
	}
	return nil
}

// pushed returns the result for a message that was given to the queue.
func (p *Peer) pushed(r conn.PushResult, wake bool) SendResult {
	if wake {
		p.t.markReady(p)
	}
	switch r {
	case conn.Queued:
		return SendResult{Status: Queued}
	case conn.Replaced:
		return SendResult{Status: Replaced}
	case conn.QueueFull:
		return p.refused(ErrQueueFull)
	case conn.PeerOffline:
		if err := p.ended.err(); err != nil {
			return p.refused(err)
		}
		if !p.t.ending() {
			return p.refused(ErrNotConnected)
		}
	}
	return p.refused(errClosed)
}

// refused counts a dropped message and returns its result.
func (p *Peer) refused(err error) SendResult {
	if p.valid() {
		p.sendDrops.Add(1)
		p.t.sendDrops.count(err)
	}
	return SendResult{Status: Dropped, Err: err}
}

// sendDrops counts the messages that were not sent, by reason.
type sendDrops struct {
	tooLarge, queueFull, notConnected, intent, closed atomic.Uint64
	superseded, displaced                             atomic.Uint64 // of forgotten peers; the queues count those of the others
}

func (d *sendDrops) count(err error) {
	switch {
	case errors.Is(err, ErrMessageTooLarge):
		d.tooLarge.Add(1)
	case errors.Is(err, ErrQueueFull):
		d.queueFull.Add(1)
	case errors.Is(err, ErrNotConnected):
		d.notConnected.Add(1)
	case errors.Is(err, ErrIntent):
		d.intent.Add(1)
	case errors.Is(err, net.ErrClosed):
		d.closed.Add(1)
	}
}
