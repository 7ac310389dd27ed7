package conn

import (
	"net/netip"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// dial is the wish to stay connected with a peer.
type dial struct {
	peer     *Peer
	up       bool        // it has been connected before: keep trying
	beside   pipeline.ID // the session that a new attempt is to replace
	attempt  *attempt
	waiting  bool // for an address, or for the timer
	failures int
	timer    timer
	ended    bool
}

// busy reports whether an attempt is under way or about to be.
func (d *dial) busy() bool { return d.attempt != nil || d.waiting }

// Dial is DialAs under the endpoint's own identity.
func (e *Endpoint) Dial(key [KeySize]byte, now pipeline.Time) (*Peer, error) {
	return e.DialAs(e.cfg.Identity, key, now)
}

// DialAs keeps the peer with the key connected from here on, and is known to it
// by the given identity, which must not be the peer's own. The driver hears
// NeedAddress, and answers with SetAddress or DialFailed. Dialling a peer that
// is being dialled under the same identity returns it.
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
	d.timer.owner = d
	p.dial = d
	p.queue.SetHolding(true)
	if p.session == nil {
		e.needAddress(d)
	} else {
		e.touch(p.session) // who dials keeps alive: its timer is due earlier now
	}
	return p, nil
}

func (e *Endpoint) needAddress(d *dial) {
	d.waiting = true
	e.emit(Event{Kind: NeedAddress, Peer: d.peer})
}

// SetAddress starts an attempt to connect to the address, after NeedAddress. It
// cannot tell which one that answers: the driver must not pass on the answer to
// an earlier NeedAddress of the peer, which may be that of another dial.
func (e *Endpoint) SetAddress(p *Peer, addr netip.AddrPort, now pipeline.Time) {
	d := p.dial
	if d == nil || d.attempt != nil || !d.waiting {
		return
	}
	d.waiting = false
	e.startAttempt(d, netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()), now)
}

// DialFailed reports that the peer's name could not be resolved, after
// NeedAddress, and like SetAddress only after the latest.
func (e *Endpoint) DialFailed(p *Peer, err error, now pipeline.Time) {
	if d := p.dial; d != nil && d.waiting {
		d.waiting = false
		e.attemptFailed(d, err, now)
	}
}

// attemptFailed ends a first dial, and has a later one tried again.
func (e *Endpoint) attemptFailed(d *dial, err error, now pipeline.Time) {
	e.count(DialTimedOut)
	d.failures++
	if old := e.sessions.Get(d.beside); old != nil && (*old).peer == d.peer && e.silent(*old, now) {
		e.markClosing(*old, wire.CloseLost, false)
	}
	d.beside = 0
	if s := d.peer.session; s != nil && !s.closed {
		// Connected all the same: by the peer's own dial, or because the
		// session was only slow.
		return
	}
	if !d.up {
		e.endDial(d, wire.CloseHandshake, err, now)
		return
	}
	e.cfg.Logger.Info("still trying to reconnect", "err", err, "attempts", d.failures)
	e.retryDial(d, redialAgain, now)
}

// silent reports whether s is unanswered and nothing at all comes from there
// any more. While something does the session is kept, though we dial on.
func (e *Endpoint) silent(s *session, now pipeline.Time) bool {
	return s.asked != 0 && now >= later(s.received, e.cfg.Unanswered)
}

// retryDial asks for the address again after about the delay.
func (e *Endpoint) retryDial(d *dial, delay time.Duration, now pipeline.Time) {
	d.waiting = true
	e.timers.arm(&d.timer, later(now, e.jitter(delay)))
}

func (d *dial) timeout(e *Endpoint, _ pipeline.Time) {
	if !d.ended && d.attempt == nil {
		e.needAddress(d)
	}
}

// endDial stops keeping the peer connected.
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

// AbandonDial stops a first dial that has not succeeded yet. What has been
// connected before stays dialled.
func (e *Endpoint) AbandonDial(p *Peer, now pipeline.Time) {
	if d := p.dial; d != nil && !d.up && p.session == nil {
		e.endDial(d, wire.CloseNone, ErrClosed, now)
	}
}

func (e *Endpoint) stopDial(d *dial) {
	d.ended = true
	d.waiting = false
	e.timers.stop(&d.timer)
	if d.attempt != nil {
		e.dropAttempt(d.attempt)
	}
}

// dialConfirmed ends the attempt that has made s, a session of the peer.
func (e *Endpoint) dialConfirmed(p *Peer, s *session) {
	d := p.dial
	if d == nil {
		return
	}
	d.up, d.failures, d.beside, d.waiting = true, 0, 0, false
	e.timers.stop(&d.timer)
	switch a := d.attempt; {
	case a == nil:
	case a.session == s:
		a.gone = true
		e.timers.stop(&a.timer)
		d.attempt = nil
		e.discard(a.before)
	default: // the message 3 before has been answered after all
		a.before = nil
		e.dropAttempt(a)
	}
}

// yieldDial gives up an attempt of ours when the peer has connected by itself,
// unless ours will win; see keepsOld.
func (e *Endpoint) yieldDial(p *Peer, _ pipeline.Time) {
	d := p.dial
	d.up, d.failures, d.beside, d.waiting = true, 0, 0, false
	e.timers.stop(&d.timer)
	if d.attempt != nil && !p.weAreLower() {
		e.dropAttempt(d.attempt)
	}
}

// dialBeside starts a fresh handshake while an unanswered session goes on, in
// case it is only slow.
func (e *Endpoint) dialBeside(s *session, now pipeline.Time) {
	d := s.peer.dial
	if d == nil || d.busy() {
		return
	}
	d.beside = s.id
	e.cfg.Logger.Debug("packets stay unanswered; dialling again")
	e.needAddress(d)
}

// redial follows the end of a session that is to stay connected.
func (e *Endpoint) redial(p *Peer, reason wire.CloseReason, now pipeline.Time) {
	d := p.dial
	switch reason {
	case wire.CloseNormal, wire.CloseRevoked, wire.CloseViolation:
		// The other side means it.
		e.endDial(d, reason, ErrClosed, now)
		return
	case wire.CloseReplaced:
		// Perhaps another machine has our key. Do not fight over it.
		if !d.busy() {
			e.retryDial(d, redialYield, now)
		}
		return
	}
	if !d.busy() {
		e.retryDial(d, redialFirst, now)
	}
}
