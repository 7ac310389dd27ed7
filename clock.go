package intentra

import (
	"math"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/recvq"
	"github.com/intentra/intentra/pipeline"
)

// askClock is how often at most [Peer.Clock] has the core observe the peer's clock, which
// it then does for longer.
const askClock = pipeline.Time(time.Second)

// Clock returns by how much the clock of the peer is ahead of this side's (negative: it is
// behind), and how far that may be from the truth, at most half of the fastest recent round
// trip. The clocks of transports show the wall-clock time of their start and what has
// passed since; in a simulation they are those of the nodes.
//
// While Clock is called, or messages with a Stamp arrive from the peer, this side exchanges
// a small packet with the peer each second. Before the first exchange, in the first 20 to 30
// ms or a round trip, and while the peer is not connected, ok is false. So call it once
// for a peer whose first stamped message must have an age.
//
// The bound holds as long as the peer does not lie and neither clock runs faster or slower
// than 100 parts per million. The next exchange corrects a clock that was stopped, as
// while a machine sleeps, for longer than the bound.
func (p *Peer) Clock() (ahead, within time.Duration, ok bool) {
	now := p.checked().t.coreNow()
	p.lock.Lock()
	if p.rare == nil {
		p.rare = new(rareStats)
	}
	r := p.rare
	c, ask := r.clock, r.asked == 0 || now-r.asked >= askClock
	if ask {
		r.asked = now
	}
	p.lock.Unlock()
	if ask {
		p.t.call(func(now pipeline.Time) { p.t.core.WantClock(p.core, now) })
	}
	if p.t.host != nil { // the caller is the only goroutine
		c = p.t.core.PeerClock(p.core, now)
	}
	return c.Ahead, c.Within + time.Duration(max(now-c.At, 0)/conn.ClockDrift), c.Known && p.Connected()
}

// originOf returns when m, which is sent now, was created, as a message carries it.
func (t *Transport) originOf(m *Message, now pipeline.Time) (origin uint64, within uint32) {
	age := pipeline.Time(min(max(m.Age, -time.Duration(longestTTL)), time.Duration(longestTTL)))
	us := (max(m.Within, 0) + time.Microsecond - 1) / time.Microsecond
	return t.core.Micros(now - age), uint32(min(us, math.MaxUint32))
}

// ageOf returns the age of the message that the inbound chain delivers in pk.
func (t *Transport) ageOf(c *conn.Peer, pk *pipeline.Packet) recvq.Age {
	if pk.Origin == 0 {
		return recvq.Age{}
	}
	at, within, ok := t.core.Origin(c, pk.Origin, pk.Within, pk.Now)
	if !ok {
		return recvq.Age{}
	}
	return recvq.Age{Known: true, Age: time.Duration(pk.Now - at), Within: within}
}
