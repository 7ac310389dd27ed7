package hub

import (
	"context"
	"net"

	"github.com/intentra/intentra"
)

// Outcomes says what became of the updates of a [Publication] that [Publication.Send] and
// [Publication.SendWait] have queued. Of a Reliable topic it counts those since the
// declaration, if [ClientConfig].Outcomes is set, and of a Latest topic Open is known, whether
// it is set or not. All else is zero.
type Outcomes struct {
	// Open counts Reliable updates that the hub has not acknowledged yet. Of a Latest topic it
	// is one while the newest value is not known to be at the hub although the topic has
	// subscribers, and else zero.
	Open uint64
	// Acked counts those that the hub has acknowledged in the connection that they were sent
	// in: it has passed them on.
	Acked uint64
	// Unsure counts those that the hub has acknowledged after the client had connected
	// again: a hub that has restarted in between may have had no subscribers for them yet.
	Unsure uint64
	// Expired counts those whose TTL has ended before.
	Expired uint64
	// Lost counts those that this side has given up, as when the connection was closed for
	// good. The hub may have passed them on.
	Lost uint64
}

// Outcomes returns what is known of the updates by now.
func (p *Publication) Outcomes() Outcomes {
	must(p.valid())
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	o := p.outcomes
	if p.behind() {
		o.Open = 1
	}
	return o
}

// behind reports whether the newest value of a Latest topic may not have reached the hub,
// although a peer wants it.
func (p *Publication) behind() bool {
	declared := p.state == publicationDeclared
	return p.topic.Intent == intentra.Latest && (p.repeat.open || p.unsent && (!declared || p.wanted))
}

// track has the outcome of a Reliable update counted. It is called before the update is
// queued, and tracked with the result.
func (p *Publication) track(m *intentra.Message) {
	if p.counts() {
		m.Token = tokenHub | uint64(uint32(p.c.connections))
		p.outcomes.Open++
	}
}

// tracked is called with the result of queuing an update.
func (p *Publication) tracked(err error) error {
	if err != nil && p.counts() {
		p.outcomes.Open--
		p.c.settle()
	}
	return err
}

func (p *Publication) counts() bool {
	return p.c.cfg.Outcomes && p.topic.Intent == intentra.Reliable
}

// decided counts the outcome of a Reliable update.
func (p *Publication) decided(d intentra.Delivery) {
	o := &p.outcomes
	if o.Open == 0 {
		return // of another topic that had this channel before
	}
	o.Open--
	switch {
	case d.Outcome == intentra.Expired:
		o.Expired++
	case d.Outcome != intentra.Acked:
		o.Lost++
	case uint32(d.Token) != uint32(p.c.connections):
		o.Unsure++
	default:
		o.Acked++
	}
}

// Flush waits until no update of the client's Reliable and Latest topics is open; see
// [Outcomes]. Of Reliable topics it waits for updates only if [ClientConfig].Outcomes is
// set. The client sends a lost value of a Latest topic again, a second after the newest
// one, so it takes about that long. Updates that other goroutines send during that time
// are waited for too. The error is the cause of ctx, or net.ErrClosed.
func (c *Client) Flush(ctx context.Context) error {
	if err := waits(ctx, "Flush", c.valid()); err != nil {
		return err
	}
	for {
		c.mu.Lock()
		open, closed := c.open(), c.closed
		if c.settled == nil {
			c.settled = make(chan struct{})
		}
		settled := c.settled
		c.mu.Unlock()
		switch {
		case !open:
			return nil
		case closed:
			return net.ErrClosed
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// open reports whether an update of a topic that has not ended is open.
func (c *Client) open() bool {
	for _, p := range c.publications {
		if p.err == nil && p.outcomes.Open > 0 || p.err == nil && p.behind() {
			return true
		}
	}
	return false
}

// settle has calls of Flush look again.
func (c *Client) settle() {
	if c.settled != nil {
		close(c.settled)
		c.settled = nil
	}
}
