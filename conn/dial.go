package conn

import (
	"net/netip"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// dial is the state of a peer that this side keeps connected.
type dial struct {
	peer     *Peer
	up       bool        // connected before: keep trying
	beside   pipeline.ID // the session that the attempt would replace
	attempt  *attempt
	waiting  bool // for SetAddress, or for the timer
	failures int
	timer    timer
	ended    bool
}

// busy reports whether an attempt is under way or will begin.
func (d *dial) busy() bool { return d.attempt != nil || d.waiting }

// Dial is [Endpoint.DialAs] under the endpoint's own identity.
func (e *Endpoint) Dial(key [KeySize]byte, now pipeline.Time) (*Peer, error) {
	return e.DialAs(e.cfg.Identity, key, now)
}

// DialAs keeps the peer with the key connected from now on, under the given identity,
// which must not be the peer's own. A [NeedAddress] event asks the driver for the
// address. If the first attempt fails, [DialEnded] reports the error and the peer is
// not dialled any more, unless Config.RetryDial is set. Once an attempt has succeeded, a lost session is dialled again
// until either side closes it. A peer that is already dialled under the same identity
// is returned as it is. The error is [ErrTooManyPeers].
func (e *Endpoint) DialAs(as Identity, key [KeySize]byte, now pipeline.Time) (*Peer, error) {
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
		e.needAddress(d)
	} else {
		e.touch(p.session) // the dialer sends keep-alives: the timer is due earlier now
	}
	return p, nil
}

func (e *Endpoint) needAddress(d *dial) {
	d.waiting = true
	e.emit(Event{Kind: NeedAddress, Peer: d.peer})
}

// SetAddress answers the latest [NeedAddress] of the peer and starts an attempt to
// connect to addr. The endpoint cannot tell which NeedAddress is answered, so the
// driver must drop a late answer to an earlier one, which may belong to another dial.
func (e *Endpoint) SetAddress(p *Peer, addr netip.AddrPort, now pipeline.Time) {
	d := p.dial
	if d == nil || d.attempt != nil || !d.waiting {
		return
	}
	d.waiting = false
	e.startAttempt(d, netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()), now)
}

// DialFailed answers the latest [NeedAddress] of the peer if its name cannot be
// resolved, as SetAddress does if it can.
func (e *Endpoint) DialFailed(p *Peer, err error, now pipeline.Time) {
	if d := p.dial; d != nil && d.waiting {
		d.waiting = false
		e.attemptFailed(d, err, now)
	}
}

// attemptFailed ends a first dial, unless Config.RetryDial is set, and retries a later
// one.
func (e *Endpoint) attemptFailed(d *dial, err error, now pipeline.Time) {
	e.count(DialTimedOut)
	d.failures++
	if old := e.sessions.Get(d.beside); old != nil && (*old).peer == d.peer && e.silent(*old, now) {
		e.markClosing(*old, wire.CloseLost, false)
	}
	d.beside = 0
	if s := d.peer.session; s != nil && !s.closed {
		// Connected by the peer's own dial, or the session was only slow.
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
	e.cfg.Logger.Info("still trying to connect", "err", err, "attempts", d.failures)
	e.retryDial(d, redialAgain, now)
}

// silent reports whether packets of s are unanswered and nothing comes from the peer
// either. As long as something comes, the session is kept while this side dials.
func (e *Endpoint) silent(s *session, now pipeline.Time) bool {
	return s.asked != 0 && now >= later(s.received, e.cfg.Unanswered)
}

// retryDial asks for the address again after the delay, give or take a fifth.
func (e *Endpoint) retryDial(d *dial, delay time.Duration, now pipeline.Time) {
	d.waiting = true
	e.timers.arm(&d.timer, later(now, e.jitter(delay)))
}

func (d *dial) timeout(e *Endpoint, _ pipeline.Time) {
	if !d.ended && d.attempt == nil {
		e.needAddress(d)
	}
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
	if d := p.dial; d != nil && !d.up && p.session == nil {
		e.endDial(d, wire.CloseNone, ErrClosed, now)
	}
}

func (e *Endpoint) stopDial(d *dial) {
	d.ended = true
	d.waiting = false
	e.timers.Remove(&d.timer)
	if d.attempt != nil {
		e.dropAttempt(d.attempt)
	}
}

// dialConfirmed ends the attempt that made s, a session of the peer.
func (e *Endpoint) dialConfirmed(p *Peer, s *session) {
	d := p.dial
	if d == nil {
		return
	}
	d.up, d.failures, d.beside, d.waiting = true, 0, 0, false
	e.timers.Remove(&d.timer)
	switch a := d.attempt; {
	case a == nil:
	case a.session == s:
		a.gone = true
		e.timers.Remove(&a.timer)
		d.attempt = nil
		e.discard(a.before)
	default: // the earlier message 3 was answered
		a.before = nil
		e.dropAttempt(a)
	}
}

// yieldDial abandons this side's attempt when the peer has connected by its own dial,
// unless this side's session would be kept; see keepsOld.
func (e *Endpoint) yieldDial(p *Peer, _ pipeline.Time) {
	d := p.dial
	d.up, d.failures, d.beside, d.waiting = true, 0, 0, false
	e.timers.Remove(&d.timer)
	if d.attempt != nil && !p.weAreLower() {
		e.dropAttempt(d.attempt)
	}
}

// dialBeside starts a handshake while an unanswered session continues, in case that
// one is only slow.
func (e *Endpoint) dialBeside(s *session, now pipeline.Time) {
	d := s.peer.dial
	if d == nil || d.busy() {
		return
	}
	d.beside = s.id
	e.cfg.Logger.Debug("packets stay unanswered; dialling again")
	e.needAddress(d)
}

// redial handles the end of a session with a peer that is dialled.
func (e *Endpoint) redial(p *Peer, reason wire.CloseReason, now pipeline.Time) {
	d := p.dial
	switch reason {
	case wire.CloseNormal, wire.CloseRevoked, wire.CloseViolation:
		// The peer ended the session on purpose.
		e.endDial(d, reason, ErrClosed, now)
		return
	case wire.CloseReplaced:
		// Another machine may use the same key. Do not compete with it.
		if !d.busy() {
			e.retryDial(d, redialYield, now)
		}
		return
	}
	if !d.busy() {
		e.retryDial(d, redialFirst, now)
	}
}
