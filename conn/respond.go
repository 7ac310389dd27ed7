package conn

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// The responder's side of a handshake:
//
//	Init with a good cookie -> token and slot -> job: read 1, write 2 -> Response
//	the same without these -> wait for a turn, Cookie that says so
//	Final -> job: read 3, Authorize -> session, confirmed by a Ping
//
// The responder never retransmits by timer. It answers a repeated Init with the same
// Response, and a repeated Final, until the dialer has sent a packet, with another
// Ping.

// handleInit processes message 1, whose cookie the cookie stage has checked.
func (e *Endpoint) handleInit(p *pipeline.Packet, h wire.Header) (Outcome, bool) {
	if !e.accepts(h.Suite) {
		return HandshakeSuite, false
	}
	// Messages that differ only in their padding have the same initKey, so only one
	// padding is valid.
	if [wire.InitPadding]byte(wire.NoiseMessage(p.Data)[KeySize:]) != ([wire.InitPadding]byte{}) {
		return HandshakeFailed, false
	}
	key := initKey{addr: p.Addr, suite: h.Suite, sender: h.Sender, ephemeral: [32]byte(wire.NoiseMessage(p.Data))}
	if half := e.halves.byInit[key]; half != nil {
		if half.response == nil {
			return HandshakeBusy, false
		}
		e.count(HandshakeRepeated)
		e.sendPlain(routeOf(p), half.response)
		return 0, true
	}
	if _, over := e.halves.completed[key.ephemeral]; over {
		return HandshakeReplayed, false
	}
	if d := e.waiting.byInit[key]; d != nil {
		d.local = p.Local
		e.waiting.ask(d, p.Now)
		e.count(HandshakeRepeated)
		e.set.Cookie.Wait(p)
		return 0, true
	}
	return e.admit(p, key)
}

// answer begins an admitted handshake, and reports whether that was possible.
func (e *Endpoint) answer(key initKey, local netip.Addr, now pipeline.Time) bool {
	ephemeral, index, ok := e.begins()
	if !ok {
		return false
	}
	half := &halfOpen{
		key: key, local: local, index: index, suite: key.suite, dialerIndex: key.sender, since: now, busy: true, tries: finalTries,
	}
	half.timer.Value = half
	e.halves.add(half)
	*e.pending.Open(index) = pendingHandshake{half: half}
	e.timers.arm(&half.timer, later(now, e.cfg.HandshakeTimeout))
	e.count(HandshakeStarted)
	e.submit(e.respondJob(half, append(key.ephemeral[:], make([]byte, wire.InitPadding)...), ephemeral))
	return true
}

func (e *Endpoint) accepts(s wire.Suite) bool { return slices.Contains(e.cfg.Suites, s) }

func (e *Endpoint) respondJob(half *halfOpen, message []byte, ephemeral [KeySize]byte) *Job {
	pro := prologue(half.suite, half.dialerIndex)
	payload := wire.AppendHello(nil, e.hello(uint32(half.index)))
	return &Job{owner: half, in: message, ephemeral: ephemeral, work: func(j *Job) {
		j.responder, j.err = noise.NewResponder(half.suite, e.cfg.Identity.static, pro, j.ephemeral)
		clear(j.ephemeral[:])
		if j.err != nil {
			return
		}
		_, err := j.responder.ReadInit(j.in, wire.InitPadding)
		if err != nil {
			j.err = err
			return
		}
		j.out, j.err = j.responder.WriteResponse(payload)
	}}
}

// handleFinal processes message 3.
func (e *Endpoint) handleFinal(p *pipeline.Packet, h wire.Header) (Outcome, bool) {
	slot := e.pending.Get(pipeline.ID(h.Receiver))
	if slot == nil || slot.half == nil {
		return e.repeatedFinal(p, h)
	}
	half := slot.half
	if half.response == nil || p.Addr != half.key.addr || h.Suite != half.suite {
		return HandshakeBusy, false
	}
	taken := half.finals.offer(e, wire.NoiseMessage(p.Data), p.Local)
	// The admission of the handshake covers the first tries. After forgeries, further
	// ones need another admission; without one they wait until the dialer sends its
	// message again.
	if half.tries == 0 && !half.busy {
		if e.takeAdmission(p) {
			half.tries = finalTries
		}
	}
	e.nextFinal(half)
	if !taken {
		return HandshakeBusy, false
	}
	return 0, true
}

// repeatedFinal answers a repetition of a Final that was accepted. The dialer has not
// received the Ping, so another is sent.
func (e *Endpoint) repeatedFinal(p *pipeline.Packet, h wire.Header) (Outcome, bool) {
	ep := e.epochs.Get(pipeline.ID(h.Receiver))
	if ep == nil {
		return HandshakeUnknown, false
	}
	s := (*ep).session
	if s.final == nil || p.Addr != s.remote || h.Suite != s.suite || !bytes.Equal(s.final.message, wire.NoiseMessage(p.Data)) {
		return HandshakeUnknown, false
	}
	e.count(HandshakeRepeated)
	// An observer may have sent a copy to another address of this host before.
	s.setRoute(routeOf(p))
	s.pingDue = true
	e.touch(s)
	return 0, true
}

// nextFinal submits a job that tries a candidate for message 3, if the admission
// covers it.
func (e *Endpoint) nextFinal(half *halfOpen) {
	if half.busy || half.tries == 0 {
		return
	}
	if c := half.finals.take(); c != nil {
		half.busy = true
		half.tries--
		e.submit(e.finalJob(half, c))
	}
}

func (e *Endpoint) finalJob(half *halfOpen, c *candidate) *Job {
	machine, dialerIndex := half.machine, half.dialerIndex
	if half.ctx == nil {
		half.ctx, half.end = context.WithCancel(context.Background())
	}
	return &Job{owner: half, in: c.message, local: c.local, generation: e.generation, work: func(j *Job) {
		payload, keys, err := machine.ReadFinal(j.in, wire.HelloSize)
		if err != nil {
			j.err = err
			return
		}
		hello, ok := wire.ParseHello(payload)
		if !ok || hello.Index != dialerIndex {
			// Authentic but invalid: no other message 3 can follow.
			j.keys, j.err = &keys, noise.ErrMessage
			return
		}
		j.hello, j.keys = hello, &keys
		e.authorize(half, j)
	}}
}

// finished processes the result of a job of a half-open handshake.
func (half *halfOpen) finished(e *Endpoint, j *Job, now pipeline.Time) {
	half.busy = false
	switch {
	case half.gone:
		e.halves.orphans--
		e.epochIDs.give(half.index)
		half.machine.Wipe()
		j.wipe()
	case half.machine == nil:
		half.responded(e, j, now)
	case j.err != nil && j.keys == nil:
		// A forgery. The machine is unchanged and still accepts the genuine message.
		e.count(HandshakeFailed)
		e.nextFinal(half)
	case j.err != nil:
		j.wipe()
		e.dropHalf(half, HandshakeFailed)
	case j.generation != e.generation:
		// Revoke was called after Authorize: call it again.
		half.busy = true
		e.submit(&Job{
			owner: half, keys: j.keys, hello: j.hello, in: j.in, local: j.local, generation: e.generation,
			work: func(j *Job) { e.authorize(half, j) },
		})
	case !j.authorized:
		// Send nothing: a refused key must not learn that an endpoint exists.
		if e.complaints.AllowN(goTime(now), 1) {
			e.cfg.Logger.Warn("refused a key that is not allowed",
				"peer", keyText(j.keys.Remote), "addr", half.key.addr.String())
		}
		j.wipe()
		e.halves.complete(half.key.ephemeral)
		e.dropHalf(half, HandshakeRefused)
	default:
		half.accepted(e, j, now)
	}
}

func (half *halfOpen) responded(e *Endpoint, j *Job, now pipeline.Time) {
	if j.err != nil {
		e.dropHalf(half, HandshakeFailed)
		return
	}
	half.machine, half.since = j.responder, now
	half.response = wire.AppendHeader(nil, wire.Header{Type: wire.TypeResponse, Suite: half.suite, Receiver: half.dialerIndex})
	half.response = append(half.response, j.out...)
	e.sendPlain(route{half.key.addr, half.local}, half.response)
}

// accepted creates the session and confirms it.
func (half *halfOpen) accepted(e *Endpoint, j *Job, now pipeline.Time) {
	e.halves.complete(half.key.ephemeral)
	peer := e.peerFor(j.keys.Remote, now)
	if peer == nil {
		j.wipe()
		e.dropHalf(half, HandshakeTable)
		return
	}
	half.seat.holder.wentOn(time.Duration(now - half.since))
	e.endHalf(half)
	s := e.establish(peer, j.keys, half.suite, half.index, j.hello, route{half.key.addr, j.local}, false, now)
	if s == nil {
		e.epochIDs.give(half.index)
		e.count(HandshakeFailed)
		e.lingerPeer(peer, now)
		return
	}
	s.final = &candidate{j.in, j.local}
	// The Ping is sent before the Close of a session that this one replaces, so that the
	// dialer sees one session follow the other and not a disconnect.
	s.pingDue = !e.sendControl(s, s.route(now), wire.AppendPing(nil), now)
	e.confirm(s, now)
	e.touch(s)
}
