package intentra

import (
	"github.com/intentra/intentra/pipeline"
)

// call has f run on the loop. It reports false if the transport is ending and f will
// not run.
func (t *Transport) call(f func(now pipeline.Time)) bool {
	t.inbox.Lock()
	closing := t.closing
	if !closing {
		t.calls = append(t.calls, f)
	}
	t.inbox.Unlock()
	if !closing {
		t.wake()
	}
	return !closing
}

// ending reports whether the transport is ending or has ended.
func (t *Transport) ending() bool {
	t.inbox.Lock()
	defer t.inbox.Unlock()
	return t.closing
}

// wake interrupts the loop if it waits for datagrams.
func (t *Transport) wake() {
	if t.host != nil {
		t.host.Wake()
		return
	}
	if t.waiting.Load() && t.waiting.CompareAndSwap(true, false) {
		t.socket.Wake()
	}
}

// inboxFull reports whether there is anything for takeInbox to do.
func (t *Transport) inboxFull() bool {
	t.inbox.Lock()
	defer t.inbox.Unlock()
	return len(t.calls)+len(t.ready)+len(t.results) > 0 || t.closing || t.written
}

// takeInbox processes what other goroutines have left for the loop, and reports
// whether the transport is to close.
func (t *Transport) takeInbox(now pipeline.Time) (closing bool) {
	t.inbox.Lock()
	calls, ready, results, closing := t.calls, t.ready, t.results, t.closing
	t.calls, t.ready, t.results, t.written = nil, t.loop.readySpare, nil, false
	t.inbox.Unlock()
	for _, j := range results {
		t.working--
		t.core.HandleJob(j, now)
	}
	for _, p := range ready {
		t.core.MarkReady(p.core)
	}
	t.loop.readySpare = ready[:0]
	for _, f := range calls {
		f(now)
	}
	return closing
}

// markReady tells the loop that the peer's send queue is not empty.
func (t *Transport) markReady(p *Peer) {
	t.inbox.Lock()
	t.ready = append(t.ready, p)
	t.inbox.Unlock()
	t.wake()
}

// markWritten tells the loop that there are broadcasts to send.
func (t *Transport) markWritten() {
	t.inbox.Lock()
	t.written = true
	t.inbox.Unlock()
	t.wake()
}
