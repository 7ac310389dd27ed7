package intentra

import (
	"context"
	"errors"
	"net"
	"sync/atomic"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/wire"
)

// longestTTL is the longest TTL that makes a difference: about 146 years.
const longestTTL = pipeline.Time(1 << 62)

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
	// ErrNotConnected, ErrIntent, ErrOption, a *ClosedError or net.ErrClosed.
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
	var c conn.Message
	m.plain(&c)
	if m.marked() || m.Stamp {
		p.mark(&c, &m)
	}
	o, wake := p.core.Push(&c)
	return p.sent(&m, p.pushed(o, wake))
}

// SendWait queues m like Send, but waits where Send would drop a message, this or
// an older one, because the queue is full, or because a peer that this side dials is
// not connected. For a peer that dials this side it does not wait until the peer is
// back, but returns ErrNotConnected. The error is the cause of ctx, one of those of
// Send, or, in a callback and if it had to wait, [ErrInCallback].
func (p *Peer) SendWait(ctx context.Context, m Message) error {
	if err := p.checkContext(ctx); err != nil {
		return err
	}
	return p.sendWait(ctx, m, 0)
}

// sendWait is SendWait, for the call of SendAcked with a number unless that is zero.
func (p *Peer) sendWait(ctx context.Context, m Message, acked uint64) error {
	if err := p.check(&m); err != nil {
		return p.sent(&m, p.refused(err)).Err
	}
	var c conn.Message
	m.plain(&c)
	if m.marked() || m.Stamp || acked != 0 {
		p.mark(&c, &m)
	}
	if acked != 0 {
		c.Token, c.Ask = acked, true
	}
	for {
		o, wake, room := p.core.PushWait(&c)
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
	if m.Within < 0 || !m.Priority.Valid() {
		return ErrOption
	}
	if err := p.life.err(); err != nil && !p.t.ending() {
		return err // the queue may be open a moment longer: see [Peer.CloseWith]
	}
	if len(m.Payload) <= p.t.small {
		return nil
	}
	limit := min(p.t.cfg.MaxDatagram, conn.AcceptedDatagram)
	accepted, _, fragments := p.datagramSizes()
	if accepted > 0 {
		limit = min(limit, accepted)
	} else {
		fragments = wire.MaxMessage // not known yet
	}
	n := len(m.Payload) + p.t.core.Outbound().MaxGrowth()
	if wire.MessageSize(pack.FrameType(m.Intent), m.Channel, n)+wire.Overhead > limit && n > p.t.largest(m.Intent, fragments) {
		return ErrMessageTooLarge
	}
	return nil
}

// largest returns the size of the largest payload that is sent in fragments to a peer that
// accepts so much, or zero if none is.
func (t *Transport) largest(i Intent, accepted int) int {
	if _, standard := t.core.Outbound().Packer().(*pack.Stage); !standard {
		return 0
	}
	n := min(accepted, t.cfg.MaxMessage)
	if i == Reliable {
		return min(n, t.cfg.ReliableQueueBytes)
	}
	return min(n, wire.MaxStateMessage)
}

// smallMessage returns the size of payloads that every peer accepts with any intent on any
// channel, whatever its datagram size: those that fit the smallest one.
func smallMessage(growth int) int {
	frame := wire.MessageSize(wire.FrameReliable, 1<<32-1, wire.MinDatagram) - wire.MinDatagram
	return wire.MinDatagram - wire.Overhead - frame - growth
}

// plain sets the fields of c that every message has. It does so one by one: a literal would
// be built elsewhere and copied, for which the processor waits.
func (m *Message) plain(c *conn.Message) {
	c.Channel, c.Intent, c.Priority, c.Payload = m.Channel, m.Intent, m.Priority, m.Payload
}

// marked reports whether the end of m matters.
func (m *Message) marked() bool { return m.Token|uint64(m.TTL) != 0 }

// mark sets what m says of its end and its origin in c.
func (p *Peer) mark(c *conn.Message, m *Message) {
	c.Sent = p.t.coreNow()
	switch {
	case m.TTL > 0:
		c.Expires = c.Sent + min(pipeline.Time(m.TTL), longestTTL)
	case m.TTL < 0:
		c.Expires = 1 // long before the loop's time
	}
	if p.t.cfg.OnDelivery != nil {
		c.Token = m.Token
	}
	if m.Stamp {
		c.Origin, c.Within = p.t.originOf(m, c.Sent)
	}
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
		if err := p.life.err(); err != nil {
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
	tooLarge, queueFull, notConnected, intent, option, closed atomic.Uint64
	superseded, displaced, expired                            atomic.Uint64 // of forgotten peers; the queues count those of the others
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
	case errors.Is(err, ErrOption):
		d.option.Add(1)
	case errors.Is(err, net.ErrClosed):
		d.closed.Add(1)
	}
}
