package conn

import (
	"net/netip"
	"time"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// attempt is one handshake that this side dials:
//
//	job: write 1 -> Init -> Cookie -> Init with cookie -> Response
//	-> job: read 2, write 3 -> Final -> first sealed packet: confirmed
//
// Init and Final are retransmitted until there is an answer, unchanged except for
// the cookie.
type attempt struct {
	dial    *dial
	index   pipeline.ID
	addr    netip.AddrPort
	machine *noise.Initiator
	init    []byte
	final   []byte
	session *session      // from message 3 on, not yet confirmed
	finalAt pipeline.Time // when message 3 was sent first
	before  *session      // of an earlier message 3 without an answer; see startOver

	cookies   cookies
	responses candidates // for message 2
	busy      bool
	gone      bool
	reached   bool // a cookie has come
	wrongKey  bool
	retry     time.Duration
	sentAt    pipeline.Time
	retryAt   pipeline.Time
	waitUntil pipeline.Time // Init is sent more slowly until then; see wait
	waited    bool          // the responder has asked for that
	deadline  pipeline.Time
	latest    pipeline.Time // that the deadline may become
	timer     timer
}

// startAttempt returns nil if there is no room.
func (e *Endpoint) startAttempt(d *dial, addr netip.AddrPort, now pipeline.Time) *attempt {
	ephemeral, index, ok := e.begins()
	if !ok {
		return nil
	}
	a := &attempt{
		dial: d, index: index, addr: addr, busy: true, retry: firstRetry,
		deadline: later(now, e.cfg.HandshakeTimeout), latest: later(now, WaitLimit*e.cfg.HandshakeTimeout),
	}
	a.timer.Value = a
	d.search.attempts = append(d.search.attempts, a)
	*e.pending.Open(index) = pendingHandshake{attempt: a}
	e.timers.arm(&a.timer, a.deadline)
	static, pro := d.peer.static, prologue(e.cfg.Suite, uint32(index))
	e.submit(&Job{owner: a, ephemeral: ephemeral, work: func(j *Job) {
		j.initiator, j.err = noise.NewInitiator(e.cfg.Suite, static, pro, j.ephemeral)
		clear(j.ephemeral[:])
		if j.err == nil {
			j.out, j.err = j.initiator.WriteInit(make([]byte, wire.InitPadding))
		}
	}})
	return a
}

// finished processes the result of a job of the attempt.
func (a *attempt) finished(e *Endpoint, j *Job, now pipeline.Time) {
	a.busy = false
	switch {
	case a.gone:
		if a.session == nil {
			e.epochIDs.give(a.index)
		}
		a.machine.Wipe()
		j.wipe()
	case a.machine == nil:
		if j.err != nil {
			a.fail(e, j.err, now)
			return
		}
		a.machine = j.initiator
		a.init = wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: e.cfg.Suite, Sender: uint32(a.index)})
		a.init = append(append(a.init, j.out...), make([]byte, wire.CookieSize)...)
		a.send(e, now)
	case j.err != nil:
		// A forgery, or another key. The machine still accepts the genuine message 2.
		e.count(HandshakeFailed)
		a.wrongKey = a.wrongKey || j.err == ErrWrongKey
		a.nextResponse(e)
		if d := a.dial; a.wrongKey {
			d.search.nextAt = now // the address may be that of another peer
			e.advance(d, now)
		}
	default:
		a.answered(e, j, now)
	}
}

// send sends Init or Final, and arms the timer for the retransmission.
func (a *attempt) send(e *Endpoint, now pipeline.Time) {
	packet, wait := a.final, a.retry
	if packet == nil {
		packet = a.init
		a.cookies.next(e, wire.InitCookie(packet))
		switch {
		case a.cookies.contested:
			wait /= 2
		case now < a.waitUntil:
			wait = waitRetry
		}
	}
	e.sendPlain(route{remote: a.addr}, packet)
	a.sentAt, a.retryAt = now, later(now, e.jitter(wait))
	a.retry = min(a.retry*3/2, lastRetry)
	e.timers.arm(&a.timer, min(a.retryAt, a.deadline))
}

// wait follows a responder that has received Init and asks to wait for a turn: Init is
// sent less often for a while, and the attempt lasts longer. An observer of Init can
// ask so in the responder's name. Therefore it cannot put off the next Init by more than
// waitRetry, nor the end by more than WaitLimit, and nothing if it offers cookies too.
func (a *attempt) wait(e *Endpoint, now pipeline.Time) {
	if a.cookies.contested {
		return
	}
	a.waited, a.waitUntil = true, later(now, waitMemory)
	a.retryAt = max(a.retryAt, later(a.sentAt, e.jitter(waitRetry)))
	a.deadline = max(a.deadline, min(later(now, e.cfg.HandshakeTimeout), a.latest))
}

func (a *attempt) timeout(e *Endpoint, now pipeline.Time) {
	if a.gone {
		return
	}
	if now >= a.deadline {
		a.fail(e, a.verdict(), now)
		return
	}
	if a.final != nil && a.before == nil && now >= later(a.finalAt, e.cfg.Unanswered) {
		a.startOver(e, now)
		return
	}
	if a.init != nil && now >= a.retryAt {
		a.send(e, now)
		return
	}
	at := a.deadline
	if a.init != nil {
		at = min(at, a.retryAt)
	}
	e.timers.arm(&a.timer, at)
}

// verdict returns why the attempt failed, as far as this side can tell.
func (a *attempt) verdict() error {
	switch {
	case a.final != nil || a.before != nil:
		return ErrNotConfirmed
	case a.wrongKey:
		return ErrWrongKey
	case a.waited:
		return ErrBusy
	}
	return ErrNoAnswer
}

func (a *attempt) fail(e *Endpoint, err error, now pipeline.Time) {
	d := a.dial
	e.dropAttempt(a)
	e.count(DialTimedOut)
	d.search.fail(a.addr, err)
	e.advance(d, now)
}

// dropAttempt ends the attempt and releases what it holds.
func (e *Endpoint) dropAttempt(a *attempt) {
	if a.gone {
		return
	}
	a.gone = true
	a.dial.remove(a)
	e.timers.Remove(&a.timer)
	e.pending.Close(a.index)
	e.discard(a.before)
	switch {
	case a.session != nil:
		e.discard(a.session)
	case !a.busy:
		e.epochIDs.give(a.index)
		a.machine.Wipe()
	}
}
