package intentra

import (
	"net"
	"sync/atomic"
)

// ClosedError is the error of a peer whose connection has ended for good: either side
// has closed it on purpose, this side has stopped dialling the peer, or the peer has
// been forgotten. It is net.ErrClosed for errors.Is.
type ClosedError struct {
	// Reason says why the last session, or the dial, ended.
	Reason CloseReason
}

// Error names the reason.
func (e *ClosedError) Error() string {
	return "intentra: the connection with the peer has ended: " + e.Reason.String()
}

// Unwrap returns net.ErrClosed.
func (e *ClosedError) Unwrap() error { return net.ErrClosed }

// closedErrors are the errors of all reasons, so that refusing a message does not
// allocate.
var closedErrors = func() (all [256]ClosedError) {
	for i := range all {
		all[i].Reason = CloseReason(i)
	}
	return all
}()

// life says whether a peer is connected, and whether its connection has ended for good
// and why, in four bytes: peers are many. Ends are written under Peer.lock.
type life struct{ bits atomic.Uint32 }

const (
	lifeUp    = 1 << 31
	lifeEnded = 1<<9 - 1 // zero, or the reason plus one
)

func (l *life) up() bool { return l.bits.Load()&lifeUp != 0 }

// setUp returns what was before.
func (l *life) setUp(up bool) bool {
	if up {
		return l.bits.Or(lifeUp)&lifeUp != 0
	}
	return l.bits.And(^uint32(lifeUp))&lifeUp != 0
}

func (l *life) ended() bool { return l.bits.Load()&lifeEnded != 0 }

// end notes the end of a life that has not ended.
func (l *life) end(reason CloseReason) { l.bits.Or(1 + uint32(reason)) }

// restart forgets the end, and reports whether there was one.
func (l *life) restart() bool { return l.bits.And(^uint32(lifeEnded))&lifeEnded != 0 }

func (l *life) err() error {
	if v := l.bits.Load() & lifeEnded; v > 0 {
		return &closedErrors[v-1]
	}
	return nil
}

// Done returns a channel that is closed when the connection has ended for good: either
// side has closed the session (closed, revoked or violation), this side has stopped
// dialling the peer, the peer has been disconnected for [Config].ForgetAfter, or the
// transport is closed. A lost connection that is dialled again, or that the peer may
// dial again, is not the end.
//
// A revoked peer does not dial again by itself, because its key would be refused for as
// long as the other side refuses it, and only the application knows when to ask. It calls
// Dial again, if need be with [Config].RetryDial. If a peer connects again, or is
// dialled again, Done returns another channel.
func (p *Peer) Done() <-chan struct{} {
	p.checked()
	p.lock.Lock()
	defer p.lock.Unlock()
	l := p.lifecycleLocked()
	if l.done == nil {
		l.done = make(chan struct{})
		if p.life.ended() || p.t.gone.Load() {
			close(l.done)
		}
	}
	return l.done
}

// Err returns nil until [Peer.Done] is closed. Then it returns a [*ClosedError], or
// net.ErrClosed if the transport is closed. Send and Receive return the same error,
// Receive once all messages have been received.
func (p *Peer) Err() error {
	if !p.valid() {
		return errNoPeer
	}
	if p.t.gone.Load() {
		return errClosed
	}
	return p.life.err()
}

// end notes that the connection has ended for good.
func (p *Peer) end(reason CloseReason) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if !p.life.ended() {
		p.life.end(reason)
		p.closeDoneLocked()
	}
}

// closeDone closes the channel that Done has returned.
func (p *Peer) closeDone() {
	p.lock.Lock()
	defer p.lock.Unlock()
	if !p.life.ended() {
		p.closeDoneLocked()
	}
}

func (p *Peer) closeDoneLocked() {
	if l := p.lifecycle; l != nil && l.done != nil {
		close(l.done)
	}
}

// reopen makes a peer whose connection has ended usable again. It is connected, or
// dialled again.
func (p *Peer) reopen() {
	p.lock.Lock()
	if p.life.restart() && p.lifecycle != nil {
		p.lifecycle.done = nil
	}
	p.lock.Unlock()
	if q := p.received.Load(); q != nil {
		q.Reopen()
	}
}
