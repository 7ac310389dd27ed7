package hub

import (
	"errors"
	"time"

	"github.com/intentra/intentra"
)

// A publisher's transport may lose the newest value of a Latest topic like the hub's; see
// refresh.go. Once the topic rests, the client sends the value again until the transport
// says that it has arrived. A value in fragments, or after a rest, carries a token. The
// others of a topic that changes often do not, and the transport's counters decide.

// repeat is what a client knows of the newest value of a Latest topic that it has sent.
type repeat struct {
	number uint32 // counts values that were sent, in tokens
	at     time.Duration
	open   bool // it is not known to have arrived
	token  bool // its outcome will tell
	lost   bool // it has told
}

// note is called when the newest value of a Latest topic is sent in m, if again is true not for
// the first time.
func (p *Publication) note(m *intentra.Message, again bool) {
	r, now := &p.repeat, p.c.clock.Now()
	token := again || len(m.Payload) > largeValue || now-r.at >= restAfter
	*r = repeat{number: r.number + 1, at: now, open: true, token: token}
	if token {
		m.Token = tokenHub | uint64(p.channel)<<32 | uint64(r.number)
	}
	p.c.rest()
}

// noted is called with the result for the value with a number.
func (p *Publication) noted(number uint32, err error) error {
	if r := &p.repeat; err != nil && r.number == number {
		r.lost = errors.Is(err, intentra.ErrQueueFull) || errors.Is(err, ErrNotConnected)
		r.open = r.lost
		p.c.settle()
	}
	return err
}

// rest has rested called once a topic may rest.
func (c *Client) rest() {
	if c.resting {
		return
	}
	c.resting = true
	c.clock.After(restAfter, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.resting = false
		if !c.closed && c.peer != nil {
			c.rested(c.clock.Now())
		}
	})
}

// rested repeats the values of topics that rest and that may be lost.
func (c *Client) rested(now time.Duration) {
	sent, again := 0, false
	for _, channel := range sortedKeys(c.publications) {
		p := c.publications[channel]
		r := &p.repeat
		if !r.open || p.err != nil {
			continue
		}
		lost, decided := r.lost, r.lost
		switch {
		case now-r.at < restAfter:
			again = true
			continue
		case !r.token && !r.lost:
			var arrived bool
			arrived, decided = c.losses.arrived(c.peer, r.at, now)
			lost = !arrived
		}
		switch {
		case !decided:
			again = true
		case !lost:
			r.open = false
		case p.state != publicationDeclared || !p.wanted:
			r.open, p.unsent = false, true // it is sent when it is wanted
		case sent > 0 && sent+len(p.last) > refreshBytes:
			again = true
		default:
			sent += len(p.last)
			r.open = false // until it is sent
			p.sendLast()
		}
	}
	c.settle()
	if again {
		c.rest()
	}
}

// delivered implements Config.OnDelivery. Tokens without tokenHub are the program's.
func (c *Client) delivered(d intentra.Delivery) {
	if d.Token&tokenHub == 0 {
		if c.cfg.Transport.OnDelivery != nil {
			c.cfg.Transport.OnDelivery(d)
		}
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.publications[d.Channel]
	if p == nil || d.Peer != c.peer {
		return
	}
	defer c.settle()
	if p.counts() {
		p.decided(d)
		return
	}
	if uint32(d.Token) != p.repeat.number {
		return
	}
	switch d.Outcome {
	case intentra.Displaced, intentra.Lost:
		p.repeat.lost = true
		c.rest()
	default:
		p.repeat.open = false
	}
}
