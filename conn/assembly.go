package conn

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// assembly is the timer of messages whose fragments have not all arrived.
type assembly struct{ timer timer }

// handleAssembling is called by stage ack.
func (e *Endpoint) handleAssembling(at pipeline.Time) { e.timers.arm(&e.assembly.timer, at) }

// handleUnfinished is called by stage ack for messages that it has dropped.
func (e *Endpoint) handleUnfinished(v pipeline.Verdict, n int) {
	e.in.CountMessageDrop(e.set.Ack.Name(), v, n)
}

// timeout drops what has been incomplete for too long. A session that does not continue a
// Reliable message is closed: the peer keeps the message and sends it again in the next
// session, which dropping it here would prevent, because parts of it are acknowledged.
func (a *assembly) timeout(e *Endpoint, now pipeline.Time) {
	next, ok := e.set.Ack.Expire(now, func(id pipeline.ID) {
		if s := e.sessions.Get(id); s != nil {
			e.markClosing(*s, wire.CloseSlow, true)
		}
	})
	if ok {
		e.timers.arm(&a.timer, next)
	}
}
