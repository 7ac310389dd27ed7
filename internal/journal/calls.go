package journal

import (
	"net/netip"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// These methods shadow those of conn.Endpoint. Each calls the endpoint first, and
// then records the call with its effects.

// HandleTimeout is conn.Endpoint.HandleTimeout, recorded.
func (c *Core) HandleTimeout(now pipeline.Time) {
	c.Endpoint.HandleTimeout(now)
	if c.w != nil {
		c.input(Entry{Kind: Timeout, At: now})
	}
}

// Flush is conn.Endpoint.Flush, recorded.
func (c *Core) Flush(now pipeline.Time) (more bool) {
	more = c.Endpoint.Flush(now)
	if c.w != nil {
		c.sentAt = now
		c.input(Entry{Kind: Flush, At: now})
	}
	return more
}

// HandleJob is conn.Endpoint.HandleJob, recorded.
func (c *Core) HandleJob(j *conn.Job, now pipeline.Time) {
	c.Endpoint.HandleJob(j, now)
	if c.w != nil {
		authorized, panicked := j.Answered()
		c.input(Entry{Kind: Job, At: now, Job: j.Number(), Authorized: authorized, Panicked: panicked})
	}
}

// MarkReady is conn.Endpoint.MarkReady, recorded.
func (c *Core) MarkReady(p *conn.Peer) {
	c.Endpoint.MarkReady(p)
	if c.w != nil {
		c.input(Entry{Kind: Ready, Peer: p.Number()})
	}
}

// Dial is conn.Endpoint.Dial, recorded.
func (c *Core) Dial(key [conn.KeySize]byte, now pipeline.Time) (*conn.Peer, error) {
	return c.DialAs(c.cfg.Identity, key, now)
}

// DialAs is conn.Endpoint.DialAs, recorded.
func (c *Core) DialAs(as conn.Identity, key [conn.KeySize]byte, now pipeline.Time) (*conn.Peer, error) {
	p, err := c.Endpoint.DialAs(as, key, now)
	if c.w != nil {
		if c.w.HasKeys() {
			c.w.static(as.Private())
		}
		c.input(Entry{Kind: Dial, At: now, Identity: as.Public(), Key: key})
	}
	return p, err
}

// AddAddresses is conn.Endpoint.AddAddresses, recorded.
func (c *Core) AddAddresses(p *conn.Peer, addrs []netip.AddrPort, more bool, now pipeline.Time) {
	c.Endpoint.AddAddresses(p, addrs, more, now)
	if c.w != nil {
		c.input(Entry{Kind: Addresses, At: now, Peer: p.Number(), Addrs: addrs, More: more})
	}
}

// SetAddress is conn.Endpoint.SetAddress, recorded.
func (c *Core) SetAddress(p *conn.Peer, addr netip.AddrPort, now pipeline.Time) {
	c.AddAddresses(p, []netip.AddrPort{addr}, false, now)
}

// DialFailed is conn.Endpoint.DialFailed, recorded.
func (c *Core) DialFailed(p *conn.Peer, err error, now pipeline.Time) {
	c.Endpoint.DialFailed(p, err, now)
	if c.w != nil {
		c.input(Entry{Kind: DialFailed, At: now, Peer: p.Number(), Error: err.Error()})
	}
}

// AbandonDial is conn.Endpoint.AbandonDial, recorded.
func (c *Core) AbandonDial(p *conn.Peer, now pipeline.Time) {
	c.Endpoint.AbandonDial(p, now)
	if c.w != nil {
		c.input(Entry{Kind: Abandon, At: now, Peer: p.Number()})
	}
}

// ClosePeer is conn.Endpoint.ClosePeer, recorded.
func (c *Core) ClosePeer(p *conn.Peer, reason wire.CloseReason, now pipeline.Time) {
	c.Endpoint.ClosePeer(p, reason, now)
	if c.w != nil {
		c.input(Entry{Kind: ClosePeer, At: now, Peer: p.Number(), Reason: reason})
	}
}

// Revoke is conn.Endpoint.Revoke, recorded.
func (c *Core) Revoke(key [conn.KeySize]byte, now pipeline.Time) {
	c.Endpoint.Revoke(key, now)
	if c.w != nil {
		c.input(Entry{Kind: Revoke, At: now, Key: key})
	}
}

// Probe is conn.Endpoint.Probe, recorded.
func (c *Core) Probe(p *conn.Peer, now pipeline.Time) {
	c.Endpoint.Probe(p, now)
	if c.w != nil {
		c.input(Entry{Kind: Probe, At: now, Peer: p.Number()})
	}
}

// WantClock is conn.Endpoint.WantClock, recorded.
func (c *Core) WantClock(p *conn.Peer, now pipeline.Time) {
	c.Endpoint.WantClock(p, now)
	if c.w != nil {
		c.input(Entry{Kind: WantClock, At: now, Peer: p.Number()})
	}
}

// Refused is conn.Endpoint.Refused, recorded.
func (c *Core) Refused(done int, now pipeline.Time) []wire.Datagram {
	rest := c.Endpoint.Refused(done, now)
	if c.w != nil {
		c.input(Entry{Kind: Full, At: now, Done: done})
	}
	return rest
}

// HandleTooLarge is conn.Endpoint.HandleTooLarge, recorded.
func (c *Core) HandleTooLarge(index int, now pipeline.Time) {
	c.Endpoint.HandleTooLarge(index, now)
	if c.w != nil {
		c.input(Entry{Kind: TooLarge, At: now, Done: index})
	}
}

// Close is conn.Endpoint.Close, recorded.
func (c *Core) Close(reason wire.CloseReason, now pipeline.Time) (more bool) {
	more = c.Endpoint.Close(reason, now)
	if c.w != nil {
		c.sentAt = now
		c.input(Entry{Kind: Close, At: now, Reason: reason})
	}
	return more
}
