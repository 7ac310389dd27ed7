package conn

import (
	"encoding/base64"
	"fmt"

	"github.com/intentra/intentra/internal/recovered"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// guardCallbacks replaces the callbacks of the configuration, but for those that
// the chain or a Job calls, by ones that recover from a panic and count it.
func (e *Endpoint) guardCallbacks() {
	c := &e.cfg
	c.Logger = recovered.Logger(c.Logger, &e.panics)
	c.Rand = recovered.Reader(c.Rand, &e.panics)
	if touched := c.Touched; touched != nil {
		c.Touched = func(p *Peer) { e.call("Touched", func() { touched(p) }) }
	}
	if givenUp := c.GivenUp; givenUp != nil {
		c.GivenUp = func(p *Peer, channel uint32) { e.callGivenUp(givenUp, p, channel) }
	}
	j := &c.Journal
	if step := j.Step; step != nil {
		j.Step = func(p *Peer, n uint64) { e.call("Journal.Step", func() { step(p, n) }) }
	}
	if pushed := j.Pushed; pushed != nil {
		j.Pushed = func(p *Peer, n uint64, m Message) {
			e.call("Journal.Pushed", func() { pushed(p, n, m) })
		}
	}
	if displaced := j.Displaced; displaced != nil {
		j.Displaced = func(p *Peer, n uint64, count int) {
			e.call("Journal.Displaced", func() { displaced(p, n, count) })
		}
	}
	if dropped := j.Dropped; dropped != nil {
		j.Dropped = func(row int) { e.call("Journal.Dropped", func() { dropped(row) }) }
	}
	if keyed := j.Keyed; keyed != nil {
		j.Keyed = func(k EpochKeys, now pipeline.Time) { e.call("Journal.Keyed", func() { keyed(k, now) }) }
	}
}

// call runs f, which calls the callback of that name. It may be called from any
// goroutine.
func (e *Endpoint) call(name string, f func()) {
	returned := false
	defer func() {
		if !returned {
			e.panics.Add(1)
			e.cfg.Logger.Error("panic or runtime.Goexit in a callback", "callback", name, "panic", recover())
		}
	}()
	f()
	returned = true
}

// callGivenUp is call without a closure, because a packet may carry many notices.
func (e *Endpoint) callGivenUp(f func(p *Peer, channel uint32), p *Peer, channel uint32) {
	returned := false
	defer func() {
		if !returned {
			e.panics.Add(1)
			e.cfg.Logger.Error("panic or runtime.Goexit in a callback", "callback", "GivenUp", "panic", recover())
		}
	}()
	f(p, channel)
	returned = true
}

// changeChains calls Config.Stages. A panic there is an error.
func (e *Endpoint) changeChains(s *stages.Set) (err error) {
	if e.cfg.Stages == nil {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("conn: Stages panicked: %v", r)
		}
	}()
	return e.cfg.Stages(s)
}

// keyText returns the text form of a public key, for the log.
func keyText(key [KeySize]byte) string { return base64.StdEncoding.EncodeToString(key[:]) }
