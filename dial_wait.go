package intentra

import (
	"slices"

	"github.com/intentra/intentra/pipeline"
)

// dials holds the state of the calls of Dial for one peer.
type dials struct {
	target  string       // the address given to the latest call
	waiters []chan error // of the calls that wait, each with room for the result
	lookups uint64       // started so far; only the loop uses it
}

// await registers a call of Dial, whose result is sent to answer.
func (p *Peer) await(addr string, answer chan error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.dials == nil {
		p.dials = new(dials)
	}
	p.dials.target = addr
	p.dials.waiters = append(p.dials.waiters, answer)
}

// answerWaiters sends the result to all waiting calls of Dial and reports whether
// there were any.
func (p *Peer) answerWaiters(err error) bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.dials == nil {
		return false
	}
	n := len(p.dials.waiters)
	for _, w := range p.dials.waiters {
		w <- err
	}
	p.dials.waiters = nil
	return n > 0
}

// leave removes a waiting call. It reports whether the call was still waiting, and
// whether it was the last one.
func (p *Peer) leave(answer chan error) (here, last bool) {
	p.lock.Lock()
	defer p.lock.Unlock()
	i := slices.Index(p.dials.waiters, answer)
	if i < 0 {
		return false, false
	}
	p.dials.waiters = slices.Delete(p.dials.waiters, i, i+1)
	return true, len(p.dials.waiters) == 0
}

// awaited reports whether a call of Dial waits.
func (p *Peer) awaited() bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.dials != nil && len(p.dials.waiters) > 0
}

// resolve looks up the address of the peer on a goroutine of its own and passes it
// to the core, which has asked for it by NeedAddress. If the core has asked again
// in between, the result is discarded: it may be that of an earlier dial with
// another name.
func (t *Transport) resolve(p *Peer) {
	p.dials.lookups++
	lookup := p.dials.lookups
	p.lock.Lock()
	target := p.dials.target
	p.lock.Unlock()
	go func() {
		addr, err := t.resolver(t.resolving, target, t.LocalAddr().Addr())
		t.call(func(now pipeline.Time) {
			t.handleEvents() // among them may be a later NeedAddress
			if p.dials.lookups != lookup {
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
