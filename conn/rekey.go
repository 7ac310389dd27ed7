package conn

import (
	"bytes"
	"encoding/binary"
	"time"

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
// Either step is sent again until the next one comes. Messages flow all the
// while; nothing waits.

// rekey is where a session stands with its rekeys, on either side.
type rekey struct {
	index     pipeline.ID // our receiver index of the next epoch; zero: none is under way
	retryAt   pipeline.Time
	notBefore pipeline.Time // for the next one, after one has failed
	serial    uint64        // tells a job of this rekey from one of an older
	*exchange               // while one is under way; nil takes no memory in idle sessions
}

// exchange is the state of a rekey under way.
type exchange struct {
	initiator *noise.Initiator
	responder *noise.Responder
	remote    uint32 // their index, once known
	request   []byte // responder: the Init that is being answered
	step      wire.RekeyStep
	frame     []byte // what is sent until there is an answer
	failures  int    // messages of the other side that did not authenticate
	busy      bool
	started   pipeline.Time
}

func (r *rekey) active() bool { return r.index != 0 }

// wipe overwrites what can be of the secrets. No job has a machine of x.
func (x *exchange) wipe() {
	x.initiator.Wipe()
	x.responder.Wipe()
}

// OldestRekey returns when the rekey began that has been under way for longest;
// false if none is. It looks at all sessions.
func (e *Endpoint) OldestRekey() (began pipeline.Time, ok bool) {
	for _, p := range e.peers {
		if s := p.session; s != nil && s.rekey.active() && (!ok || s.rekey.started < began) {
			began, ok = s.rekey.started, true
		}
	}
	return began, ok
}

// begin makes one active.
func (r *rekey) begin(index pipeline.ID, request []byte, now pipeline.Time) {
	*r = rekey{
		index: index, retryAt: later(now, rekeyTimeout), serial: r.serial + 1,
		exchange: &exchange{request: request, busy: true, started: now},
	}
}

// rekeyable reports whether the session could start a rekey.
func (s *session) rekeyable() bool {
	return s.confirmed && !s.rekey.active() && s.next == nil && s.peer.session == s
}

// rekeyPrologue binds a rekey to the session and to all handshakes before.
func rekeyPrologue(s *session) []byte {
	b := append([]byte("intentra rekey"), wire.Version, byte(s.suite))
	return append(b, s.current.hash[:]...)
}

// rekeyTimeout starts a rekey, sends a step again, or gives one up.
func (e *Endpoint) rekeyTimeout(s *session, now pipeline.Time) {
	r := &s.rekey
	if !r.active() {
		e.maybeRekey(s, now)
		return
	}
	if now >= later(r.started, rekeyTimeout) {
		if s.next != nil {
			// The other side may use the new keys already: see heardUnder.
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

// failRekey gives a rekey up that the other side has made come to nothing. An
// honest dialer begins no other for as long as giveUpRekey has it wait at the
// least, so before that none is answered: else who makes one fail could begin the
// next at once.
func (e *Endpoint) failRekey(s *session, now pipeline.Time) {
	e.giveUpRekey(s, now)
	s.peer.answerAt = later(now, rekeyTimeout*4/5)
}

// heardUnder takes note of the keys that a packet came under. The first one
// under the new keys completes a rekey that we have started. If the other side
// keeps to the old ones beyond the time in which it can accept our Final, it
// never will, and the rekey has failed.
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

// maybeRekey starts a rekey if the keys are worn and the budget allows it. A
// responder asks the dialer.
func (e *Endpoint) maybeRekey(s *session, now pipeline.Time) {
	if !s.rekeyable() || now < s.mayRekeyAt() || !e.worn(s, s.current, now) {
		return
	}
	if !s.dialer {
		s.rekey.notBefore = later(now, rekeyRetry)
		e.sendControl(s, s.remote, wire.AppendRekey(nil, wire.RekeyRequest, nil), now)
		return
	}
	e.startRekey(s, now)
}

// mayRekeyAt returns before when no rekey is started. The first one of a session
// need not wait.
func (s *session) mayRekeyAt() pipeline.Time {
	if s.current.seq == 0 {
		return s.rekey.notBefore
	}
	return max(s.rekey.notBefore, later(s.current.opened, rekeyLeast))
}

func (e *Endpoint) startRekey(s *session, now pipeline.Time) {
	if !e.rekeys.AllowN(goTime(now), 1) {
		s.rekey.notBefore = later(now, e.jitter(rekeyRetry))
		return
	}
	ephemeral, index, ok := e.begins()
	if !ok {
		s.rekey.notBefore = later(now, rekeyRetry)
		return
	}
	s.rekey.begin(index, nil, now)
	static, pro, suite := s.peer.static, rekeyPrologue(s), s.suite
	payload := binary.BigEndian.AppendUint32(nil, uint32(index))
	e.submitRekey(s, &Job{work: func(j *Job) {
		j.initiator, j.err = noise.NewInitiator(suite, static, pro, ephemeral)
		clear(ephemeral[:])
		if j.err == nil {
			j.out, j.err = j.initiator.WriteInit(payload)
		}
	}})
}

// handleRekey takes a Rekey frame of an authenticated packet.
func (e *Endpoint) handleRekey(s *session, p *pipeline.Packet, f *wire.Frame) {
	switch {
	case f.Step == wire.RekeyRequest && s.dialer && len(f.Payload) == 0:
		if s.rekeyable() && p.Now >= s.rekey.notBefore && p.Now-s.current.opened >= pipeline.Time(time.Second) {
			e.startRekey(s, p.Now)
			e.touch(s)
		}
	case f.Step == wire.RekeyInit && !s.dialer:
		e.answerRekey(s, p, f.Payload)
	case f.Step == wire.RekeyAnswer && s.dialer:
		e.concludeRekey(s, f.Payload)
	case f.Step == wire.RekeyFinal && !s.dialer:
		e.acceptRekey(s, f.Payload)
	default:
		p.Strike()
	}
}

// answerRekey is the responder's first step.
func (e *Endpoint) answerRekey(s *session, p *pipeline.Packet, message []byte) {
	r := &s.rekey
	if r.active() {
		if bytes.Equal(r.request, message) && r.frame != nil && e.replyOnce() {
			e.sendRekey(s, p.Now)
		}
		return
	}
	// A peer that wants new keys all the time must not use up what all share,
	// whether its rekeys succeed, fail, or end with a session that it begins anew:
	// so the peer has the pause. Half of it is for what the way between us adds and
	// takes.
	if !s.rekeyable() || p.Now < s.peer.answerAt || !e.rekeys.AllowN(goTime(p.Now), 1) {
		return
	}
	s.peer.answerAt = later(p.Now, rekeyLeast/2)
	ephemeral, index, ok := e.begins()
	if !ok {
		return
	}
	r.begin(index, bytes.Clone(message), p.Now)
	static, pro, suite, in := s.peer.static, rekeyPrologue(s), s.suite, r.request
	payload := binary.BigEndian.AppendUint32(nil, uint32(index))
	e.submitRekey(s, &Job{work: func(j *Job) {
		j.responder, j.err = noise.NewResponder(suite, static, pro, ephemeral)
		clear(ephemeral[:])
		if j.err != nil {
			return
		}
		var remote []byte
		if remote, j.err = j.responder.ReadInit(in, 4); j.err != nil {
			return
		}
		if j.index = binary.BigEndian.Uint32(remote); j.index == 0 {
			j.err = noise.ErrMessage
			return
		}
		j.out, j.err = j.responder.WriteResponse(payload)
	}})
	e.touch(s)
}

// concludeRekey is the dialer's second step.
func (e *Endpoint) concludeRekey(s *session, message []byte) {
	r := &s.rekey
	if !r.active() || r.busy || r.step != wire.RekeyInit || r.initiator == nil {
		return
	}
	r.busy = true
	machine, in, pinned := r.initiator, bytes.Clone(message), s.peer.Key
	e.submitRekey(s, &Job{work: func(j *Job) {
		answer, remote, err := machine.ReadResponse(in, 4)
		if err == nil && remote != pinned {
			err = ErrWrongKey
		}
		if err != nil {
			j.err = err
			return
		}
		if j.index = binary.BigEndian.Uint32(answer); j.index == 0 {
			j.err = noise.ErrMessage
			return
		}
		var keys noise.Keys
		j.out, keys, j.err = machine.WriteFinal(nil)
		j.keys = &keys
	}})
}

// acceptRekey is the responder's second step.
func (e *Endpoint) acceptRekey(s *session, message []byte) {
	r := &s.rekey
	if !r.active() || r.busy || r.responder == nil {
		return
	}
	r.busy = true
	machine, in, pinned := r.responder, bytes.Clone(message), s.peer.Key
	e.submitRekey(s, &Job{work: func(j *Job) {
		_, keys, err := machine.ReadFinal(in, 0)
		if err == nil && keys.Remote != pinned {
			err = ErrWrongKey
		}
		j.keys, j.err = &keys, err
	}})
}

// rekeyJob brings a job of a rekey back to the session that it was made for,
// if the session and the rekey are still there.
type rekeyJob struct {
	session  *session
	index    pipeline.ID
	serial   uint64
	exchange *exchange
}

func (e *Endpoint) submitRekey(s *session, j *Job) {
	j.owner = rekeyJob{s, s.rekey.index, s.rekey.serial, s.rekey.exchange}
	e.submit(j)
}

func (o rekeyJob) finished(e *Endpoint, j *Job, now pipeline.Time) {
	s := o.session
	r := &s.rekey
	if s.closed || !r.active() || r.serial != o.serial {
		e.epochIDs.give(o.index)
		o.exchange.wipe()
		j.wipe()
		return
	}
	r.busy = false
	switch {
	case j.err != nil && r.initiator == nil && r.responder == nil:
		j.wipe()
		e.failRekey(s, now)
	case j.err != nil:
		// The frame was authentic but its contents were not, so the peer itself
		// has made them up. Each costs a job: after a few no sound one is waited
		// for any longer.
		j.wipe()
		e.count(HandshakeFailed)
		if r.failures++; r.failures >= rekeyTries {
			e.failRekey(s, now)
		}
	case j.initiator != nil:
		r.initiator = j.initiator
		e.stepRekey(s, wire.RekeyInit, j.out, now)
	case j.responder != nil:
		r.responder, r.remote = j.responder, j.index
		e.stepRekey(s, wire.RekeyAnswer, j.out, now)
	case s.dialer:
		r.remote = j.index
		if e.nextEpoch(s, j.keys, now) {
			e.stepRekey(s, wire.RekeyFinal, j.out, now)
		}
	default:
		if e.nextEpoch(s, j.keys, now) {
			// The first packet under the new keys tells the dialer.
			s.rekey = rekey{serial: r.serial}
			e.promote(s, now)
			s.pingDue = true
		}
	}
	e.touch(s)
}

// nextEpoch opens the epoch that the rekey has made keys for.
func (e *Endpoint) nextEpoch(s *session, keys *noise.Keys, now pipeline.Time) bool {
	r := &s.rekey
	ep := e.openEpoch(s, s.current.seq+1, r.index, r.remote, keys, now)
	if ep == nil {
		e.failRekey(s, now)
		return false
	}
	ep.hash, s.next = keys.Hash, ep
	return true
}

// stepRekey sends a step, and again until it is answered.
func (e *Endpoint) stepRekey(s *session, step wire.RekeyStep, message []byte, now pipeline.Time) {
	r := &s.rekey
	r.step, r.frame = step, wire.AppendRekey(nil, step, message)
	e.sendRekey(s, now)
}

func (e *Endpoint) sendRekey(s *session, now pipeline.Time) {
	e.sendControl(s, s.remote, s.rekey.frame, now)
	s.rekey.retryAt = later(now, max(e.rto(s), rekeyRetry))
	if s.rekey.step == wire.RekeyAnswer {
		// Responders never retransmit by timer; the dialer does.
		s.rekey.retryAt = later(now, rekeyTimeout)
	}
}

// abandonRekey ends a rekey, whether it has succeeded or not. The index goes
// back unless an epoch has it, or a job will bring it.
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
