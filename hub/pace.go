package hub

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/intentra/intentra"
)

// A hub announces how many updates and bytes per second it accepts from one publisher.
// SendWait paces to that. Send does not wait, and counts what exceeds it.

// PublishLimits is what a hub accepts from one publisher per second, on average. A tenth of it
// may come at once. Zero means that it is not known, or not limited.
type PublishLimits struct {
	// Updates and Bytes are those of [Limits].
	Updates int `json:"updates,omitempty"`
	Bytes   int `json:"bytes,omitempty"`
}

// Limits returns what the hub accepts from this client; the zero PublishLimits before it is
// known.
func (c *Client) Limits() PublishLimits {
	must(c.valid())
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pace.limits
}

// What we chose.
const (
	// paceShare is the part of the announced rates that is used: the clocks of both sides
	// differ, and a hub that was busy for a moment gets at once what has come in that time.
	paceShare = 0.95
	// paceWait is for how long SendWait waits at least, so that it wakes up for several
	// updates together.
	paceWait = 2 * time.Millisecond
)

// pace is what a client knows of the budget that it has at the hub.
type pace struct {
	limits         PublishLimits
	updates, bytes budget
}

// set begins with a full budget.
func (p *pace) set(announced *PublishLimits) {
	var l PublishLimits
	if announced != nil {
		l = *announced
	}
	*p = pace{limits: l, updates: paceBudget(l.Updates, 1), bytes: paceBudget(l.Bytes, leastBytesBurst)}
}

func paceBudget(perSecond, least int) budget {
	if perSecond <= 0 {
		return budget{rate.NewLimiter(rate.Inf, 1)}
	}
	return budget{rate.NewLimiter(rate.Limit(paceShare*float64(perSecond)), max(perSecond/10, least))}
}

// limited reports whether the hub has announced limits.
func (p *pace) limited() bool { return p.limits != PublishLimits{} }

// charge takes an update out of the budget, and reports whether it fits. A Reliable one need
// not: it waits until the hub takes it.
func (p *pace) charge(m *intentra.Message, now time.Duration) (fits bool) {
	switch {
	case !p.limited():
		return true
	case m.Intent == intentra.Reliable:
		p.updates.take(1, now)
		p.bytes.take(len(m.Payload), now)
		return true
	}
	return p.updates.allow(1, now) && p.bytes.allow(len(m.Payload), now)
}

// paced waits until the hub's limits have room for an update that is not Reliable. The error is
// the cause of ctx.
func (p *Publication) paced(ctx context.Context, size int) error {
	c := p.c
	for {
		c.mu.Lock()
		wait := time.Duration(0)
		if p.err == nil && p.state == publicationDeclared && p.wanted { // else it is not sent, or waits for the connection
			wait = c.pace.wait(size, c.clock.Now())
		}
		c.mu.Unlock()
		if wait == 0 {
			return nil
		}
		over := make(chan struct{})
		c.clock.After(max(wait, paceWait), func() { close(over) })
		select {
		case <-over:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// wait returns for how long an update is to wait. Half of what may come at once is left, since
// jitter turns evenly sent packets into bursts.
func (p *pace) wait(size int, now time.Duration) time.Duration {
	if !p.limited() {
		return 0
	}
	return max(p.updates.untilHalf(1, now), p.bytes.untilHalf(size, now))
}

// untilHalf returns how long it takes until the bucket has n tokens more than half of those of a full
// one, but no more than that.
func (b budget) untilHalf(n int, now time.Duration) time.Duration {
	if b.Limit() == rate.Inf {
		return 0
	}
	want := min(float64(b.Burst()/2+n), float64(b.Burst()))
	lacks := want - b.TokensAt(time.Unix(0, int64(now)))
	if lacks <= 0 {
		return 0
	}
	return max(time.Duration(lacks/float64(b.Limit())*float64(time.Second)), 1)
}
