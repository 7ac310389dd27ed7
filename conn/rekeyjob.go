package conn

import (
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// rekeyJob returns a job to the rekey that it was made for, if the session and the
// rekey still exist.
type rekeyJob struct {
	session  *session
	index    pipeline.ID
	serial   uint32
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
		// The frame was authentic but its contents were not, so the peer itself made
		// them up. Each costs a job: after a few, stop waiting for a valid one.
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
			// The first packet under the new keys completes it at the dialer.
			s.rekey = rekey{serial: r.serial}
			e.promote(s, now)
			s.pingDue = true
		}
	}
	e.touch(s)
}

// nextEpoch opens the epoch of the rekey's keys.
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

// stepRekey sends a step, which is retransmitted until it is answered.
func (e *Endpoint) stepRekey(s *session, step wire.RekeyStep, message []byte, now pipeline.Time) {
	r := &s.rekey
	r.step, r.frame = step, wire.AppendRekey(nil, step, message)
	e.sendRekey(s, now)
}

func (e *Endpoint) sendRekey(s *session, now pipeline.Time) {
	e.sendControl(s, s.route(now), s.rekey.frame, now)
	s.rekey.retryAt = later(now, max(e.rto(s), rekeyRetry))
	if s.rekey.step == wire.RekeyAnswer {
		// The responder never retransmits by timer; the dialer does.
		s.rekey.retryAt = later(now, rekeyTimeout)
	}
}
