package conn

import (
	"net/netip"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// attemptFor returns the attempt that a packet is for. It returns nil for an unknown
// index, and for a packet from another address than the one dialled.
func (e *Endpoint) attemptFor(p *pipeline.Packet, h wire.Header) *attempt {
	slot := e.pending.Get(pipeline.ID(h.Receiver))
	if slot == nil || slot.attempt == nil || slot.attempt.addr != p.Addr || h.Suite != e.cfg.Suite {
		return nil
	}
	return slot.attempt
}

// handleCookie processes a cookie challenge.
func (e *Endpoint) handleCookie(p *pipeline.Packet, h wire.Header) (Outcome, bool) {
	a := e.attemptFor(p, h)
	if a == nil || a.init == nil || a.final != nil {
		return HandshakeUnknown, false
	}
	c, ok := cookie.OpenChallenge(a.init, p.Data)
	if !ok {
		return HandshakeBadCookie, false
	}
	inUse := [wire.CookieSize]byte(wire.InitCookie(a.init))
	if c == noCookie {
		if inUse == noCookie {
			return HandshakeBadCookie, false // there is nothing to keep
		}
		a.wait(e, p.Now)
		return 0, true
	}
	if c == inUse {
		// The cookie in use is offered again: the Init with it was late or lost, or
		// an earlier one was in flight. The timer retransmits it.
		return HandshakeBadCookie, false
	}
	taken, atOnce := a.cookies.offer(e, c)
	if !taken {
		return HandshakeBadCookie, false
	}
	e.count(HandshakeCookie)
	a.reachable(p.Now)
	if atOnce {
		a.send(e, p.Now)
	}
	return 0, true
}

// handleResponse processes message 2.
func (e *Endpoint) handleResponse(p *pipeline.Packet, h wire.Header) (Outcome, bool) {
	a := e.attemptFor(p, h)
	if a == nil {
		return HandshakeUnknown, false
	}
	if a.final != nil || a.init == nil || !a.responses.offer(e, wire.NoiseMessage(p.Data), netip.Addr{}) {
		return HandshakeBusy, false
	}
	a.nextResponse(e)
	return 0, true
}

// nextResponse submits a job that tries a candidate for message 2.
func (a *attempt) nextResponse(e *Endpoint) {
	if a.busy || a.gone {
		return
	}
	c := a.responses.take()
	if c == nil {
		return
	}
	a.busy = true
	pinned := a.dial.peer.Key
	payload := wire.AppendHello(nil, e.hello(uint32(a.index)))
	machine := a.machine
	e.submit(&Job{owner: a, in: c.message, work: func(j *Job) {
		answer, remote, err := machine.ReadResponse(j.in, wire.HelloSize)
		if err != nil {
			j.err = err
			return
		}
		hello, ok := wire.ParseHello(answer)
		if remote != pinned || !ok {
			// An attacker on the path may have answered correctly with its own
			// key. The genuine answer may still come.
			j.err = machine.Reject()
			if j.err == nil {
				j.err = ErrWrongKey
			}
			return
		}
		var keys noise.Keys
		j.out, keys, j.err = machine.WriteFinal(payload)
		j.hello, j.keys = hello, &keys
	}})
}

// answered makes the session, which the responder's first packet confirms.
func (a *attempt) answered(e *Endpoint, j *Job, now pipeline.Time) {
	a.responses = candidates{}
	// Message 3 leaves from the address that the system has chosen for message 1. An
	// observer can send a copy of message 2 to another address of this host, so the
	// local address is learned from a sealed packet; see on.
	a.session = e.establish(a.dial.peer, j.keys, e.cfg.Suite, a.index, j.hello, route{remote: a.addr}, true, now)
	if a.session == nil {
		a.fail(e, ErrTooManyPeers, now)
		return
	}
	e.setAside(a)
	e.pending.Close(a.index)
	a.final = wire.AppendHeader(nil, wire.Header{Type: wire.TypeFinal, Suite: e.cfg.Suite, Receiver: j.hello.Index})
	a.final = append(a.final, j.out...)
	a.retry, a.finalAt = firstRetry, now
	a.send(e, now)
}
