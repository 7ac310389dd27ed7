package conn

import (
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// A rekey is a fresh Noise XX inside the session, in sealed frames. Its
// prologue contains the hash of the handshake before it, so the chain of keys
// cannot be spliced. The dialer of the session starts it:
//
//	dialer                        responder
//	Init (index)      ->          job: read 1, write 2
//	job: read 2, write 3  <-      Answer (index)
//	next epoch, listening
//	Final             ->          job: read 3; next epoch is current
//	next epoch is current  <-     any packet under the new keys
//
// The dialer retransmits a step until the next one comes. Messages are sent throughout.

// rekey is the state of a session's rekeys, on either side.
type rekey struct {
	index     pipeline.ID   // our receiver index of the next epoch; zero: no rekey is under way
	serial    uint32        // tells a job of this rekey from one of an earlier
	notBefore pipeline.Time // when the next one may start, after one has failed
	*exchange               // nil unless one is under way, to save memory in idle sessions
}

// exchange is the state of a rekey under way.
type exchange struct {
	initiator *noise.Initiator
	responder *noise.Responder
	remote    uint32 // the peer's index, once known
	request   []byte // responder: the Init that is being answered
	step      wire.RekeyStep
	frame     []byte // retransmitted until there is an answer
	failures  int    // messages of the peer that did not authenticate
	busy      bool
	started   pipeline.Time
	retryAt   pipeline.Time
}

func (r *rekey) active() bool { return r.index != 0 }

// wipe overwrites the secrets as far as possible. No job may be using x.
func (x *exchange) wipe() {
	x.initiator.Wipe()
	x.responder.Wipe()
}

// OldestRekey returns when the oldest rekey in progress began, and false without
// one. It takes time linear in the number of peers.
func (e *Endpoint) OldestRekey() (began pipeline.Time, ok bool) {
	e.checked()
	for _, p := range e.peers {
		if s := p.session; s != nil && s.rekey.active() && (!ok || s.rekey.started < began) {
			began, ok = s.rekey.started, true
		}
	}
	return began, ok
}

// begin starts a rekey.
func (r *rekey) begin(index pipeline.ID, request []byte, now pipeline.Time) {
	*r = rekey{
		index: index, serial: r.serial + 1,
		exchange: &exchange{request: request, busy: true, started: now, retryAt: later(now, rekeyTimeout)},
	}
}

// rekeyable reports whether the session could start a rekey.
func (s *session) rekeyable() bool {
	return s.confirmed && !s.rekey.active() && s.next == nil && s.peer.session == s
}

// rekeyTimeout starts a rekey, retransmits a step, or abandons a rekey.
func (e *Endpoint) rekeyTimeout(s *session, now pipeline.Time) {
	r := &s.rekey
	if !r.active() {
		e.maybeRekey(s, now)
		return
	}
	if now >= later(r.started, rekeyTimeout) {
		if s.next != nil {
			// The peer may use the new keys already: see heardUnder.
			r.retryAt = later(now, e.cfg.IdleTimeout)
			return
		}
		e.giveUpRekey(s, now)
		return
	}
	if r.frame != nil && now >= r.retryAt {
		e.sendRekey(s, now)
	}
}

func (e *Endpoint) giveUpRekey(s *session, now pipeline.Time) {
	e.abandonRekey(s)
	s.rekey.notBefore = later(now, e.jitter(rekeyTimeout))
}

// failRekey abandons a rekey that failed because of the peer. An honest dialer waits
// after that, at least four fifths of rekeyTimeout (giveUpRekey), so an earlier one is
// not answered: else a peer could make rekeys fail and begin the next at once.
func (e *Endpoint) failRekey(s *session, now pipeline.Time) {
	e.giveUpRekey(s, now)
	s.peer.answerAt = later(now, rekeyTimeout*4/5)
}

// heardUnder notes under which epoch a packet came. The first one under the new keys
// completes a rekey that this side started. If the peer still uses the old ones when
// it can no longer accept the Final, the rekey has failed.
func (e *Endpoint) heardUnder(s *session, epoch pipeline.ID, now pipeline.Time) {
	switch {
	case s.next == nil:
	case s.next.id == epoch:
		e.promote(s, now)
		e.abandonRekey(s)
	case now >= later(s.rekey.started, rekeyTimeout+rekeyDoubt):
		e.giveUpRekey(s, now)
	}
}

// maybeRekey starts a rekey if the keys are due for one. A responder requests it from
// the dialer.
func (e *Endpoint) maybeRekey(s *session, now pipeline.Time) {
	if !s.rekeyable() || now < s.mayRekeyAt() || !e.worn(s, s.current, now) {
		return
	}
	if !s.dialer {
		s.rekey.notBefore = later(now, rekeyRetry)
		e.sendControl(s, s.route(now), wire.AppendRekey(nil, wire.RekeyRequest, nil), now)
		return
	}
	e.startRekey(s, now)
}

// mayRekeyAt returns the earliest time for a rekey. The first one of a session need
// not wait for rekeyLeast.
func (s *session) mayRekeyAt() pipeline.Time {
	if s.current.seq == 0 {
		return s.rekey.notBefore
	}
	return max(s.rekey.notBefore, later(s.current.opened, rekeyLeast))
}

// abandonRekey ends a rekey, whether it succeeded or not. The index is given back
// unless an epoch uses it or a job that is running will give it back.
func (e *Endpoint) abandonRekey(s *session) {
	r := &s.rekey
	switch {
	case s.next != nil:
		e.closeEpoch(s, s.next)
		s.next = nil
	case r.active() && !r.busy && e.epochs.Get(r.index) == nil:
		e.epochIDs.give(r.index)
	}
	if r.active() && !r.busy {
		r.exchange.wipe()
	}
	s.rekey = rekey{serial: r.serial, notBefore: r.notBefore}
}
