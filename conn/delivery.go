package conn

import (
	"time"

	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
)

// Fate is what became of a message with a token.
type Fate uint8

// The fates.
const (
	// FateAcked means that the peer has acknowledged the message: its inbound chain has
	// accepted it, a Reliable one with all before it on its channel. It does not mean
	// that the peer's application has acted on it.
	FateAcked Fate = iota + 1
	// FateLost means that the packet of a Realtime or Latest message is considered lost,
	// or that its session ended before the packet was acknowledged. The message may
	// have arrived.
	FateLost
	// FateExpired means that the time in Expires came before the message left. A
	// Reliable message that had left also expires when it would have to be sent again;
	// it may have arrived.
	FateExpired
	// FateSuperseded means that a newer message of its Latest channel replaced it in
	// the queue.
	FateSuperseded
	// FateDisplaced means that it was the oldest of a full queue of states.
	FateDisplaced
	// FateGivenUp means that this side dropped it: with the session or the peer that it
	// was for, in a stage of the outbound chain, or because it fits no packet to the
	// peer. A Reliable message may have arrived before.
	FateGivenUp
	fates
)

// The values are those of sendq, so that a conversion suffices.
var _ = [1]struct{}{}[uint8(FateGivenUp)-uint8(sendq.GivenUp)+uint8(FateAcked)-uint8(sendq.Acked)]

var fateNames = [fates]string{"", "acked", "lost", "expired", "superseded", "displaced", "given_up"}

// String returns the name of the fate, "invalid" for an unknown one.
func (f Fate) String() string {
	if f == 0 || f >= fates {
		return "invalid"
	}
	return fateNames[f]
}

// Fates returns all fates.
func Fates() []Fate {
	all := make([]Fate, 0, fates-1)
	for f := FateAcked; f < fates; f++ {
		all = append(all, f)
	}
	return all
}

// Delivery is the end of a message with a token. There is one for each message with a
// token that a push has taken.
type Delivery struct {
	Peer    *Peer
	Channel uint32
	Intent  pipeline.Intent
	Fate    Fate
	// Ask and Token are those of the Message.
	Ask   bool
	Token uint64
	// Took is the time since Message.Sent.
	Took time.Duration

	sent pipeline.Time
}

// Deliveries returns the deliveries since the last call, in the order in which they
// were decided. The slice is valid until the next call of a method of e that is not a
// mere query.
func (e *Endpoint) Deliveries(now pipeline.Time) []Delivery {
	e.checked()
	out := e.deliveries
	e.deliveries, e.spareDeliveries = e.spareDeliveries[:0], out
	for i := range out {
		out[i].Took = time.Duration(max(now-out[i].sent, 0))
	}
	return out
}

// HasDeliveries reports whether Deliveries would return any.
func (e *Endpoint) HasDeliveries() bool { return len(e.checked().deliveries) > 0 }

// decide notes what became of a message with a token.
func (e *Endpoint) decide(p *Peer, channel uint32, intent pipeline.Intent, m sendq.Mark, f Fate) {
	e.stats.Fates[f]++
	e.deliveries = append(e.deliveries, Delivery{
		Peer: p, Channel: channel, Intent: intent, Fate: f, Ask: m.Ask, Token: m.Token, sent: m.Sent,
	})
}

// expiry has the queued messages of a peer expire. A peer has it once a message that
// can expire was queued, in a map of the endpoint, since most peers have none.
type expiry struct {
	timer timer
	peer  *Peer
	last  pipeline.Time // when it looked for expired messages
}

// attend takes from the peer's queue what it has decided, and when messages in it
// expire. It is called after pushes, and after everything that drops messages.
func (e *Endpoint) attend(p *Peer) {
	if !p.queue.News() {
		return
	}
	var expires pipeline.Time
	e.decisions, expires = p.queue.Attend(e.decisions[:0])
	for i := range e.decisions {
		d := &e.decisions[i]
		e.decide(p, d.Channel, d.Intent, sendq.Mark{Token: d.Token, Sent: d.Sent, Ask: d.Ask}, Fate(d.Fate))
	}
	if p.forgotten || expires == 0 {
		return
	}
	x := e.expiries[p]
	if x == nil {
		if e.expiries == nil {
			e.expiries = make(map[*Peer]*expiry)
		}
		x = &expiry{peer: p}
		x.timer.Value = x
		e.expiries[p] = x
	}
	// A look takes time in proportion to the queue, so looks are spaced.
	e.timers.arm(&x.timer, max(expires, later(x.last, expiryEvery)))
}

// timeout drops the messages that have expired. Notices of Reliable ones remain, which
// are sent.
func (x *expiry) timeout(e *Endpoint, now pipeline.Time) {
	x.last = now
	x.peer.queue.Expire(now)
	e.attend(x.peer)
	if s := x.peer.session; s != nil {
		e.touchQueue(s)
	}
}

// stopExpiry removes the peer's timer.
func (e *Endpoint) stopExpiry(p *Peer) {
	if x := e.expiries[p]; x != nil {
		e.timers.Remove(&x.timer)
		delete(e.expiries, p)
	}
}
