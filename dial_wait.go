package intentra

import (
	"slices"

	"github.com/intentra/intentra/conn"
)

// lifecycle holds what those need that wait for a peer: the calls of Dial, and the
// users of Done. Peer.lock guards it.
type lifecycle struct {
	dial    target        // where to connect to; the address is that of the latest call
	waiters []chan error  // of the calls that wait, each with room for the result
	lookups uint64        // started so far; only the loop uses it
	done    chan struct{} // the channel of Done, nil before its first call
}

// await registers a call of Dial, whose result is sent to answer.
func (p *Peer) await(as conn.Identity, addr string, answer chan error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	l := p.lifecycleLocked()
	if l.dial.addr != addr || !p.core.Dialled() || len(l.waiters) == 0 {
		l.dial = target{addr: addr, as: as}
	}
	l.waiters = append(l.waiters, answer)
}

func (p *Peer) lifecycleLocked() *lifecycle {
	if p.lifecycle == nil {
		p.lifecycle = new(lifecycle)
	}
	return p.lifecycle
}

// answerWaiters sends the result to all waiting calls of Dial and reports whether
// there were any.
func (p *Peer) answerWaiters(err error) bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.lifecycle == nil {
		return false
	}
	n := len(p.lifecycle.waiters)
	for _, w := range p.lifecycle.waiters {
		w <- err
	}
	p.lifecycle.waiters = nil
	if err == nil {
		p.lifecycle.dial.failed = nil
	}
	return n > 0
}

// leave removes a waiting call. It reports whether the call was still waiting, and
// whether it was the last one.
func (p *Peer) leave(answer chan error) (here, last bool) {
	p.lock.Lock()
	defer p.lock.Unlock()
	i := slices.Index(p.lifecycle.waiters, answer)
	if i < 0 {
		return false, false
	}
	p.lifecycle.waiters = slices.Delete(p.lifecycle.waiters, i, i+1)
	return true, len(p.lifecycle.waiters) == 0
}

// awaited reports whether a call of Dial waits.
func (p *Peer) awaited() bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.lifecycle != nil && len(p.lifecycle.waiters) > 0
}
