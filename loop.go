package intentra

import (
	"errors"
	"net"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/slowcall"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

const (
	// batchSize is the most datagrams that are read at once.
	batchSize = 512
	// turnSize is the most that are read before the loop turns to timers, calls
	// and sending, but for a last batch. The more have come in, the more messages
	// for one peer leave together: a loop that falls behind becomes cheaper.
	// After a batch of less than worthPolling there is hardly more to read.
	turnSize     = 128
	worthPolling = 48
	// publishEvery is how stale the published statistics of peers may be while
	// packets flow, and publishCost the time that must pass for each peer: to
	// publish one takes about a fiftieth of it, and so all a fiftieth of a core.
	publishEvery = 10 * time.Millisecond
	publishCost  = 20 * time.Microsecond
	// clockStart is the loop's time when the transport starts.
	clockStart = time.Hour
	// drainTick is how often a shutdown looks whether all is acknowledged.
	drainTick = 5 * time.Millisecond
)

// loopState is what only the loop touches.
type loopState struct {
	settled     chan struct{} // set while draining
	stale       []*Peer       // whose statistics have changed
	lastPublish pipeline.Time
	batchNow    pipeline.Time
	slow        slowcall.Counter
	readySpare  []*Peer // to be used again for the inbox
	unrecorded  bool    // the recording has ended early, and that has been said
}

// now reads the clock: monotonic, from the start of the transport plus one
// hour, so that no interval reaches below zero.
func (t *Transport) now() pipeline.Time { return pipeline.Time(time.Since(t.start) + clockStart) }

// run is the event loop. It alone touches the core and reads the socket, and
// it reads the clock once a turn.
func (t *Transport) run() {
	defer t.finish()
	batch := make([]wire.Datagram, batchSize)
	for {
		n, err := t.read(batch)
		now := t.now()
		t.loop.batchNow = now
		t.loop.slow.Begin(now)
		t.receive(batch[:n], now)
		for total := n; err == nil && n >= worthPolling && total < turnSize; total += n {
			n, err = t.socket.Poll(batch)
			now = t.now()
			t.loop.batchNow = now
			t.receive(batch[:n], now)
		}
		if err != nil {
			t.socketFailed(err)
			return
		}
		if t.turn(now) || t.failed != nil {
			return
		}
	}
}

// socketFailed notes the error of a socket that is broken or closed.
func (t *Transport) socketFailed(err error) {
	if t.failed == nil && !errors.Is(err, net.ErrClosed) {
		t.failed = err
		t.cfg.Logger.Error("the socket has failed; the transport ends", "err", err)
	}
}

func (t *Transport) receive(batch []wire.Datagram, now pipeline.Time) {
	for i := range batch {
		if i%conn.WarmBatch == 0 {
			t.core.Warm(batch[i:min(i+conn.WarmBatch, len(batch))])
		}
		t.core.HandleDatagram(batch[i].Data, batch[i].Addr, now)
	}
}

// turn does all that a loop does besides reading, and reports whether the
// transport is to end.
func (t *Transport) turn(now pipeline.Time) (end bool) {
	end = t.takeInbox(now)
	t.core.HandleTimeout(now)
	t.drainTick(now)
	t.handleEvents()
	for more := end; more; {
		more = t.core.Close(wire.CloseShutdown, now)
		t.handleEvents()
		t.send()
	}
	t.flush(now)
	t.startJobs()
	t.handleEvents()
	t.slowCalls.Add(t.loop.slow.End(t.clock))
	t.publish(now, end)
	t.checkRecording()
	return end
}

// read waits for packets until the next deadline, a wake, or the end.
func (t *Transport) read(batch []wire.Datagram) (int, error) {
	t.waiting.Store(true)
	defer t.waiting.Store(false)
	if t.inboxFull() {
		t.socket.Wake()
	}
	if err := t.socket.SetReadDeadline(t.deadline()); err != nil {
		return 0, err
	}
	return t.socket.ReadBatch(batch)
}

func (t *Transport) deadline() time.Time {
	at, ok := t.core.Deadline()
	earlier := func(other pipeline.Time) {
		if !ok || other < at {
			at, ok = other, true
		}
	}
	if len(t.loop.stale) > 0 {
		earlier(t.loop.lastPublish + pipeline.Time(publishEvery))
	}
	if t.loop.settled != nil {
		earlier(t.loop.batchNow + pipeline.Time(drainTick))
	}
	if !ok {
		return time.Time{}
	}
	return t.start.Add(time.Duration(at) - clockStart)
}

func (t *Transport) flush(now pipeline.Time) {
	for more := true; more; {
		more = t.core.Flush(now)
		t.send()
	}
}

func (t *Transport) send() {
	out := t.core.Outgoing()
	if len(out) == 0 {
		return
	}
	if _, err := t.socket.WriteBatch(out); err != nil {
		t.socketFailed(err)
	}
}

// finish ends everything that belongs to the transport.
func (t *Transport) finish() {
	t.stop()
	_ = t.socket.Close()
	for t.core.Close(wire.CloseShutdown, t.now()) {
		t.core.Outgoing() // nobody can be told any more
	}
	t.handleEvents()
	t.endRecording()
	close(t.work)
	t.inbox.Lock()
	t.closing = true
	calls := t.calls
	t.calls = nil
	t.inbox.Unlock()
	for _, f := range calls {
		f(t.now())
	}
	t.endPeers()
	t.publish(t.now(), true)
	t.received.Close()
	// Last: Close returns now, and everything is as it will stay.
	close(t.done)
}
