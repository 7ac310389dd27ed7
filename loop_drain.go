package intentra

import (
	"github.com/intentra/intentra/pipeline"
)

// drain starts a shutdown. settled is closed when all messages are acknowledged or
// lost.
func (l *loopState) drain(settled chan struct{}) {
	if l.settled != nil {
		// A second Shutdown waits for the first one to end the transport.
		return
	}
	l.settled = settled
}

// drainTick checks whether a shutdown is complete, and asks peers for missing
// acknowledgements.
func (t *Transport) drainTick(now pipeline.Time) {
	if t.loop.settled == nil {
		return
	}
	settled := true
	for _, p := range t.allPeers() {
		if !t.core.Settled(p.core) {
			settled = false
			t.core.Probe(p.core, now)
		}
	}
	if settled {
		close(t.loop.settled)
		t.loop.settled = nil
	}
}
