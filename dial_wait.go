package intentra

import (
	"slices"

	"github.com/intentra/intentra/pipeline"
)

// wish is what calls of Dial have left at a peer.
type wish struct {
	target  string // of the latest
	waiters []chan error
	lookups uint64 // the loop's: of the target, as many as have begun
}

// await has the answer to a dial sent to a channel with room for it.
func (p *Peer) await(addr string, answer chan error) {
	p.dialLock.Lock()
	defer p.dialLock.Unlock()
	if p.wish == nil {
		p.wish = new(wish)
	}
	p.wish.target = addr
	p.wish.waiters = append(p.wish.waiters, answer)
}

// answerWaiters ends all waits in Dial and reports whether there were any.
func (p *Peer) answerWaiters(err error) bool {
	p.dialLock.Lock()
	defer p.dialLock.Unlock()
	if p.wish == nil {
		return false
	}
	n := len(p.wish.waiters)
	for _, w := range p.wish.waiters {
		w <- err
	}
	p.wish.waiters = nil
	return n > 0
}

// leave takes a waiter out, and reports whether it was there, and was the last.
func (p *Peer) leave(answer chan error) (here, last bool) {
	p.dialLock.Lock()
	defer p.dialLock.Unlock()
	i := slices.Index(p.wish.waiters, answer)
	if i < 0 {
		return false, false
	}
	p.wish.waiters = slices.Delete(p.wish.waiters, i, i+1)
	return true, len(p.wish.waiters) == 0
}

// awaited reports whether anybody waits in Dial.
func (p *Peer) awaited() bool {
	p.dialLock.Lock()
	defer p.dialLock.Unlock()
	return p.wish != nil && len(p.wish.waiters) > 0
}

// resolve answers the core's NeedAddress from a goroutine of its own. The answer
// to an earlier one may come late, of a dial that was given up: the name may
// have been another, so nobody gets it.
func (t *Transport) resolve(p *Peer) {
	p.wish.lookups++
	lookup := p.wish.lookups
	p.dialLock.Lock()
	target := p.wish.target
	p.dialLock.Unlock()
	go func() {
		addr, err := t.resolver(t.resolving, target, t.LocalAddr().Addr())
		t.call(func(now pipeline.Time) {
			t.handleEvents() // among them may be a later NeedAddress
			if p.wish.lookups != lookup {
				return
			}
			if err != nil {
				t.core.DialFailed(p.core, err, now)
				return
			}
			t.core.SetAddress(p.core, addr, now)
		})
	}()
}
