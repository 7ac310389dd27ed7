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

// SendStatus says what has become of a message that was given to Send.
type SendStatus uint8

// The statuses.
const (
	// Queued: it will leave in its turn.
	Queued SendStatus = iota + 1
	// Replaced: it will leave, and an older one gave way: the one waiting on
	// its Latest channel, or the oldest in a full queue.
	Replaced
	// Dropped: it will not leave, for the reason in Err.
	Dropped
)

// String returns the status's name.
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

// SendResult is the answer of Send. Err is set only with Dropped, and is one of
// ErrMessageTooLarge, ErrQueueFull, ErrNotConnected, ErrIntent, net.ErrClosed.
type SendResult struct {
	Status SendStatus
	Err    error
}

// Send hands m over to be sent, and says what has become of it. It copies the
// payload and never blocks.
//
// While a peer that we dial is not connected, Latest and Reliable messages
// wait for it; Realtime ones, and all for a peer that dials us, are dropped.
func (p *Peer) Send(m Message) SendResult {
	if err := p.check(m); err != nil {
		return p.refused(err)
	}
	o, wake := p.core.Push(m.Channel, m.Intent, m.Payload)
	return p.pushed(o, wake)
}

// SendWait is Send for a caller who would rather wait than have a message,
// this or an older one, dropped for want of room or of a connection. Not from
// Handler or OnPeer. It returns ctx's error, or one that Send would give.
func (p *Peer) SendWait(ctx context.Context, m Message) error {
	if err := p.check(m); err != nil {
		return p.refused(err).Err
	}
	for {
		o, wake, room := p.core.PushWait(m.Channel, m.Intent, m.Payload)
		if room == nil {
			return p.pushed(o, wake).Err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.t.done:
			return p.refused(errClosed).Err
		}
	}
}

func (p *Peer) check(m Message) error {
	if m.Intent < Realtime || m.Intent > Reliable {
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
		if !p.t.ending() {
			return p.refused(ErrNotConnected)
		}
	}
	return p.refused(errClosed)
}

func (p *Peer) refused(err error) SendResult {
	p.sendDrops.Add(1)
	p.t.sendDrops.count(err)
	return SendResult{Status: Dropped, Err: err}
}

// sendDrops counts messages that Send has refused.
type sendDrops struct {
	tooLarge, queueFull, notConnected, intent, closed atomic.Uint64
	superseded, displaced                             atomic.Uint64 // of peers that are forgotten
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
