package conn

import (
	"net/netip"
	"slices"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// dial is the state of a peer that this side keeps connected.
type dial struct {
	peer   *Peer
	up     bool // connected before: keep trying
	asking bool // the driver owes an answer to NeedAddress
	ended  bool
	beside pipeline.ID // the session that the attempt would replace
	search *search     // nil while a session works
	timer  timer       // of search
}

// busy reports whether attempts are under way or will begin.
func (d *dial) busy() bool { return d.search != nil }

// Dial is [Endpoint.DialAs] under the endpoint's own identity.
func (e *Endpoint) Dial(key [KeySize]byte, now pipeline.Time) (*Peer, error) {
	e.checked()
	return e.DialAs(e.cfg.Identity, key, now)
}

// DialAs keeps the peer with the key connected from now on, under the given identity,
// which must not be the peer's own. A [NeedAddress] event asks the driver for the
// address. If the first attempt fails, [DialEnded] reports the error and the peer is
// not dialled any more, unless Config.RetryDial is set. Once an attempt has succeeded,
// a lost session is dialled again until either side closes it. A peer that is already
// dialled under the same identity is returned as it is. The error is
// [ErrTooManyPeers], or [ErrKey] for the zero identity.
func (e *Endpoint) DialAs(as Identity, key [KeySize]byte, now pipeline.Time) (*Peer, error) {
	e.checked()
	if as.IsZero() {
		return nil, ErrKey
	}
	p := e.peerAs(as.static, key, now)
	if p == nil {
		return nil, ErrTooManyPeers
	}
	if p.dial != nil {
		return p, nil
	}
	e.lingering.remove(p)
	d := &dial{peer: p, up: p.session != nil}
	d.timer.Value = d
	p.dial = d
	p.queue.SetHolding(true)
	if p.session == nil {
		d.search = new(search)
		e.beginRound(d, now)
	} else {
		e.touch(p.session) // the dialer sends keep-alives: the timer is due earlier now
	}
	return p, nil
}

// roundFailed ends a first dial, unless Config.RetryDial is set, and begins a new round
// of a later one.
func (e *Endpoint) roundFailed(d *dial, now pipeline.Time) {
	err := d.search.failed
	if err == nil {
		err = ErrNoAnswer // the driver has given no usable address
	}
	d.search.failures++
	if old := e.sessions.Get(d.beside); old != nil && (*old).peer == d.peer && e.silent(*old, now) {
		e.markClosing(*old, wire.CloseLost, false)
	}
	d.beside = 0
	if s := d.peer.session; s != nil && !s.closed {
		// Connected by the peer's own dial, or the session was only slow.
		e.endSearch(d)
		return
	}
	switch {
	case d.up:
	case e.cfg.RetryDial:
		e.emit(Event{Kind: AttemptFailed, Peer: d.peer, Err: err})
	default:
		e.endDial(d, wire.CloseHandshake, err, now)
		return
	}
	e.cfg.Logger.Info("still trying to connect", "peer", keyText(d.peer.Key), "err", err, "attempts", d.search.failures)
	e.rest(d, redialAgain, now)
}

// silent reports whether packets of s are unanswered and nothing comes from the peer
// either. As long as something comes, the session is kept while this side dials.
func (e *Endpoint) silent(s *session, now pipeline.Time) bool {
	return s.asked != 0 && now >= later(s.received, e.cfg.Unanswered)
}

// endDial stops dialling the peer.
func (e *Endpoint) endDial(d *dial, reason wire.CloseReason, err error, now pipeline.Time) {
	e.stopDial(d)
	d.peer.dial = nil
	d.peer.queue.SetHolding(false)
	if d.peer.session == nil {
		e.stats.Abandoned += uint64(d.peer.queue.SetOnline(false))
	}
	e.emit(Event{Kind: DialEnded, Peer: d.peer, Reason: reason, Err: err})
	e.lingerPeer(d.peer, now)
}

// AbandonDial stops a first dial that has not succeeded yet. A peer that has been
// connected since it was dialled stays dialled.
func (e *Endpoint) AbandonDial(p *Peer, now pipeline.Time) {
	e.checked()
	p.checked()
	if d := p.dial; d != nil && !d.up && p.session == nil {
		e.endDial(d, wire.CloseNone, ErrClosed, now)
	}
}

func (e *Endpoint) stopDial(d *dial) {
	d.ended, d.asking = true, false
	e.endSearch(d)
}

// dialConfirmed ends the attempts, one of which made s, a session of the peer.
func (e *Endpoint) dialConfirmed(p *Peer, s *session) {
	d := p.dial
	if d == nil {
		return
	}
	d.up, d.beside = true, 0
	if d.search == nil {
		return
	}
	for _, a := range slices.Clone(d.search.attempts) {
		switch s {
		case a.session:
			a.gone = true
			e.timers.Remove(&a.timer)
			e.discard(a.before)
		case a.before: // the earlier message 3 was answered
			a.before = nil
			e.dropAttempt(a)
		default:
			e.dropAttempt(a)
		}
	}
	d.search.attempts = nil
	e.endSearch(d)
}

// yieldDial abandons this side's attempts when the peer has connected by its own dial,
// unless this side's session would be kept; see keepsOld.
func (e *Endpoint) yieldDial(p *Peer, _ pipeline.Time) {
	d := p.dial
	d.up, d.beside = true, 0
	if r := d.search; r != nil && len(r.attempts) > 0 && p.weAreLower() {
		e.timers.Remove(&d.timer)
		r.left = nil
		return
	}
	e.endSearch(d)
}

// dialBeside starts a handshake while an unanswered session continues, in case that
// one is only slow.
func (e *Endpoint) dialBeside(s *session, now pipeline.Time) {
	d := s.peer.dial
	if d == nil || d.busy() {
		return
	}
	d.beside = s.id
	e.cfg.Logger.Debug("packets stay unanswered; dialling again", "peer", keyText(s.peer.Key))
	d.search = &search{worked: s.dialled()}
	e.beginRound(d, now)
}

// redial handles the end of a session with a peer that is dialled.
func (e *Endpoint) redial(p *Peer, worked netip.AddrPort, reason wire.CloseReason, now pipeline.Time) {
	d, delay := p.dial, redialFirst
	switch reason {
	case wire.CloseNormal, wire.CloseRevoked, wire.CloseViolation:
		// The peer ended the session on purpose.
		e.endDial(d, reason, ErrClosed, now)
		return
	case wire.CloseReplaced:
		// Another machine may use the same key. Do not compete with it.
		delay = redialYield
	}
	if !d.busy() {
		d.search = &search{worked: worked}
		e.rest(d, delay, now)
	}
}

// dialled returns the address of the peer if this side has dialled s. That of a peer
// that has dialled this side may be the address of a NAT, which cannot be dialled.
func (s *session) dialled() netip.AddrPort {
	if s.dialer {
		return s.remote
	}
	return netip.AddrPort{}
}
