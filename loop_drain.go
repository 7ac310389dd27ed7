package intentra

import (
	"github.com/intentra/intentra/pipeline"
)

// drain starts a shutdown; settled is closed when all is acknowledged.
func (l *loopState) drain(settled chan struct{}) {
	if l.settled != nil {
		// A second Shutdown waits for the transport to end instead.
		return
	}
	l.settled = settled
}

// drainTick moves a shutdown on.
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
