package conn

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

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

// handleRekey processes a Rekey frame of an authenticated packet.
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
	if p.Epoch != s.current.id {
		// A late copy of an Init that has been answered: the dialer has had the answer,
		// so another rekey would not be completed, and the next Init would wait for it.
		return
	}
	if r.active() {
		if bytes.Equal(r.request, message) && r.frame != nil && e.replyOnce() {
			e.sendRekey(s, p.Now)
		}
		return
	}
	// A peer that requests keys all the time must not use up the shared rate, whether
	// its rekeys succeed, fail, or end because it starts a new session. So the pause
	// belongs to the peer. It is half of the dialer's, to allow for jitter.
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

// rekeyPrologue binds a rekey to the session and to all its earlier handshakes.
func rekeyPrologue(s *session) []byte {
	b := append([]byte("intentra rekey"), wire.Version, byte(s.suite))
	return append(b, s.current.hash[:]...)
}
