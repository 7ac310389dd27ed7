package intentra

import (
	"slices"

	"github.com/intentra/intentra/pipeline"
)

// lifecycle holds what those need that wait for a peer: the calls of Dial, and the
// users of Done. Peer.lock guards it.
type lifecycle struct {
	target  string        // the address given to the latest call
	waiters []chan error  // of the calls that wait, each with room for the result
	lookups uint64        // started so far; only the loop uses it
	done    chan struct{} // the channel of Done, nil before its first call
}

// await registers a call of Dial, whose result is sent to answer.
func (p *Peer) await(addr string, answer chan error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	l := p.lifecycleLocked()
	l.target = addr
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

// resolve looks up the address of the peer on a goroutine of its own and passes it
// to the core, which has asked for it by NeedAddress. If the core has asked again
// in between, the result is discarded: it may be that of an earlier dial with
// another name.
func (t *Transport) resolve(p *Peer) {
	p.lifecycle.lookups++
	lookup := p.lifecycle.lookups
	p.lock.Lock()
	target := p.lifecycle.target
	p.lock.Unlock()
	go func() {
		addr, err := t.resolver(t.resolving, target, t.LocalAddr().Addr())
		t.call(func(now pipeline.Time) {
			t.handleEvents() // among them may be a later NeedAddress
			if p.lifecycle.lookups != lookup {
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
