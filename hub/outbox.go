package hub

import (
	"context"
	"errors"

	"github.com/intentra/intentra"
)

// Control messages and Reliable updates share the send queue to the hub. A program that
// sends updates without end takes each place that becomes free, so while a control message
// has no room, updates wait: otherwise a subscription might never reach the hub.

// outbox holds the control messages that had no room in the send queue yet.
type outbox struct {
	waiting  []message
	retrying bool
	empty    chan struct{} // closed when nothing waits any more; nil without a call that waits for that
}

// clear drops the messages.
func (o *outbox) clear() {
	o.waiting = nil
	o.emptied()
}

// emptied wakes the calls of controlFirst.
func (o *outbox) emptied() {
	if o.empty != nil {
		close(o.empty)
		o.empty = nil
	}
}

// send sends a control message, or queues it until there is room.
func (c *Client) send(m message) {
	c.outbox.waiting = append(c.outbox.waiting, m)
	c.flush()
}

// flush sends the control messages that wait. It reports whether none are left.
func (c *Client) flush() bool {
	o := &c.outbox
	for len(o.waiting) > 0 && c.connected {
		m := &o.waiting[0]
		m.Seq = c.seq + 1
		r := c.peer.Send(intentra.Message{Channel: ControlChannel, Intent: intentra.Reliable, Payload: m.encode()})
		if errors.Is(r.Err, intentra.ErrQueueFull) {
			c.retryLater()
			return false
		}
		c.seq++
		o.waiting = o.waiting[1:]
	}
	o.emptied()
	return true
}

func (c *Client) retryLater() {
	if c.outbox.retrying {
		return
	}
	c.outbox.retrying = true
	c.clock.After(retryAfter, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.outbox.retrying = false
		c.flush()
	})
}

// controlFirst waits until no control message waits for room. The error is the cause of ctx, or
// ErrInCallback if it had to wait in a callback; call is the name of the caller.
func (c *Client) controlFirst(ctx context.Context, call string) error {
	for {
		c.mu.Lock()
		if c.flush() {
			c.mu.Unlock()
			return nil
		}
		if c.outbox.empty == nil {
			c.outbox.empty = make(chan struct{})
		}
		empty := c.outbox.empty
		c.mu.Unlock()
		if err := waits(ctx, call, nil); err != nil {
			return err
		}
		select {
		case <-empty:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
