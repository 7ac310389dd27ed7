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
	// batchSize is the largest number of datagrams read at once.
	batchSize = 512
	// turnSize is the number of datagrams after which a turn reads no further
	// batch. The more datagrams a turn reads, the more messages for one peer leave
	// together, so a loop that falls behind becomes cheaper per message. After a
	// batch of less than worthPolling there is hardly more to read.
	turnSize     = 128
	worthPolling = 48
	// publishEvery is the shortest time between publications of the peers'
	// statistics, and publishCost the time that must have passed for each peer
	// published. Publishing a peer takes about a fiftieth of publishCost, so all
	// of it takes at most a fiftieth of a core.
	publishEvery = 10 * time.Millisecond
	publishCost  = 20 * time.Microsecond
	// clockStart is the loop's time when the transport starts.
	clockStart = time.Hour
	// drainTick is how often a shutdown checks whether everything is acknowledged.
	drainTick = 5 * time.Millisecond
)

// loopState is state that only the loop uses.
type loopState struct {
	settled     chan struct{} // closed when a shutdown is complete; nil without one
	stale       []*Peer       // peers whose statistics have changed
	lastPublish pipeline.Time
	batchNow    pipeline.Time
	slow        slowcall.Counter
	readySpare  []*Peer // an empty slice for the inbox to reuse
	unrecorded  bool    // the early end of the recording has been logged
}

// now reads the monotonic clock. Times begin at one hour, so that subtracting an
// interval does not give a negative time.
func (t *Transport) now() pipeline.Time { return pipeline.Time(time.Since(t.start) + clockStart) }

// timeOf is the inverse of now.
func (t *Transport) timeOf(at pipeline.Time) time.Time {
	return t.start.Add(time.Duration(at) - clockStart)
}

// run is the event loop. No other goroutine uses the core or reads the socket. It
// reads the clock once for each batch of datagrams.
func (t *Transport) run() {
	markEntry(&loopEntry)
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
		t.received.Publish()
		if err != nil {
			t.socketFailed(err)
			return
		}
		if t.turn(now) || t.failed != nil {
			return
		}
	}
}

// socketFailed handles the error of a socket that is broken or closed.
func (t *Transport) socketFailed(err error) {
	if t.failed == nil && !errors.Is(err, net.ErrClosed) {
		t.failed = err
		t.cfg.Logger.Error("the socket has failed; the transport ends", "err", err)
	}
}

// receive passes a batch of datagrams to the core.
func (t *Transport) receive(batch []wire.Datagram, now pipeline.Time) {
	for i := range batch {
		if i%conn.WarmBatch == 0 {
			t.core.Warm(batch[i:min(i+conn.WarmBatch, len(batch))])
		}
		t.core.HandleDatagram(batch[i].Data, batch[i].Addr, now)
	}
}

// turn does everything in a turn of the loop except reading datagrams. It reports
// whether the transport ends.
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
	t.received.Publish()
	t.slowCalls.Add(t.loop.slow.End(t.clock))
	t.publish(now, end)
	t.checkRecording()
	return end
}

// read waits for datagrams until the next deadline, a wake-up, or an error.
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

// deadline returns when the next turn is due without datagrams.
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
	return t.timeOf(at)
}

// flush sends everything that is due.
func (t *Transport) flush(now pipeline.Time) {
	for more := true; more; {
		more = t.core.Flush(now)
		t.send()
	}
}

// send sends the datagrams that the core has written.
func (t *Transport) send() {
	out := t.core.Outgoing()
	if len(out) == 0 {
		return
	}
	if _, err := t.socket.WriteBatch(out); err != nil {
		t.socketFailed(err)
	}
}

// finish releases everything that belongs to the transport.
func (t *Transport) finish() {
	t.stop()
	_ = t.socket.Close()
	for t.core.Close(wire.CloseShutdown, t.now()) {
		t.core.Outgoing() // discard: the socket is closed
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
	// Last, because Close returns now and nothing may change after it.
	close(t.done)
}
