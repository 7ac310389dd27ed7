package intentra

import (
	"errors"
	"net"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/callback"
	"github.com/intentra/intentra/internal/slowcall"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

const (
	// batchSize is the largest number of datagrams read at once, and firstBatch until a
	// read has returned as many: most transports never read more at once.
	batchSize  = 512
	firstBatch = 64
	// turnSize is the number of datagrams after which a turn reads no further
	// batch. The more datagrams a turn reads, the more messages for one peer leave
	// together, so a loop that falls behind becomes cheaper per message. After a
	// batch of less than worthPolling there is hardly more to read.
	turnSize     = 128
	worthPolling = 48
	// publishEvery is the shortest time between publications of the peers'
	// statistics, and publishCost the time that must have passed for each peer
	// published. Publishing a peer takes about a fiftieth of publishCost, so all
	// of it takes at most a fiftieth of a core. The rest is
	// published in a later turn: at the latest after publishAtLast, because a turn for
	// this alone costs more than a received message, or after publishEvery for more than
	// fewStale peers.
	publishEvery  = 10 * time.Millisecond
	publishAtLast = 100 * time.Millisecond
	fewStale      = 8
	publishCost   = 20 * time.Microsecond
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
	received    Received      // the latest one for the Handler
	arrivedAt   pipeline.Time // argument and result of the latest call of timeOf for a message
	arrived     time.Time
	deadline    time.Time // read deadline of the socket
	slow        slowcall.Counter
	readySpare  []*Peer // an empty slice for the inbox to reuse
	backlog     backlog
	busy        bool // there is probably more to read
	unrecorded  bool // the early end of the recording has been logged
}

// now reads the monotonic clock. Times begin at one hour, so that subtracting an
// interval does not give a negative time.
func (t *Transport) now() pipeline.Time { return pipeline.Time(time.Since(t.start) + clockStart) }

// coreNow is the time of the core, from any goroutine.
func (t *Transport) coreNow() pipeline.Time {
	if t.host != nil {
		return t.host.Now()
	}
	return t.now()
}

// timeOf is the inverse of now.
func (t *Transport) timeOf(at pipeline.Time) time.Time {
	return t.start.Add(time.Duration(at) - clockStart)
}

// run is the goroutine of the event loop. A callback that calls runtime.Goexit ends it,
// perhaps in the middle of the core, so the transport fails. Nothing waits for it in
// vain: finish runs in any case.
func (t *Transport) run() {
	callback.Loop.Mark()
	returned := false
	defer func() { t.finish(returned) }()
	t.serve()
	returned = true
}

// serve is the event loop. No other goroutine uses the core or reads the socket. It
// reads the clock once for each batch of datagrams.
func (t *Transport) serve() {
	batch := make([]wire.Datagram, firstBatch)
	for {
		n, err := t.read(batch)
		now := t.now()
		t.loop.batchNow = now
		t.loop.slow.Begin(now)
		t.receive(batch[:n], now)
		full := n == len(batch)
		for total := n; err == nil && n >= worthPolling && total < turnSize; total += n {
			n, err = t.socket.Poll(batch)
			full = full || n == len(batch)
			now = t.now()
			t.loop.batchNow = now
			t.receive(batch[:n], now)
		}
		t.loop.busy = n >= worthPolling
		if full && len(batch) < batchSize {
			batch = make([]wire.Datagram, batchSize)
		}
		t.received.Publish(true)
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
		t.core.HandleDatagram(batch[i], now)
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
		t.sendLast()
	}
	t.flush(now)
	t.startJobs()
	t.handleEvents()
	t.handleDeliveries()
	t.received.Publish(t.loop.busy)
	t.slowCalls.Add(t.loop.slow.End(t.clock))
	t.publish(now, end)
	t.checkRecording()
	return end
}

// read waits for datagrams until the next deadline, a wake-up, or an error. A busy loop
// has left it to the next turn to wake a receiver, so it must not wait.
func (t *Transport) read(batch []wire.Datagram) (int, error) {
	if t.loop.busy {
		if n, err := t.socket.Poll(batch); n > 0 || err != nil {
			return n, err
		}
		t.received.Publish(false)
	}
	t.waiting.Store(true)
	defer t.waiting.Store(false)
	if t.inboxFull() {
		t.socket.Wake()
	}
	if err := t.setDeadline(); err != nil {
		return 0, err
	}
	return t.socket.ReadBatch(batch)
}

// setDeadline sets the read deadline of the socket to the next deadline, or leaves an
// earlier one in the future as it is. Every message moves some deadline further away, and
// setting it costs more than a turn too early now and then.
func (t *Transport) setDeadline() error {
	at := t.deadline()
	if set := t.loop.deadline; !set.IsZero() && set.After(t.timeOf(t.loop.batchNow)) && (at.IsZero() || at.After(set)) {
		return nil
	}
	t.loop.deadline = at
	return t.socket.SetReadDeadline(at)
}

// deadline returns when the next turn is due without datagrams.
func (t *Transport) deadline() time.Time {
	at, ok := t.core.Deadline()
	earlier := func(other pipeline.Time) {
		if !ok || other < at {
			at, ok = other, true
		}
	}
	if t.loop.backlog.full {
		earlier(t.loop.batchNow + pipeline.Time(retryAfter))
	}
	if len(t.loop.stale) > 0 {
		wait := publishAtLast
		if len(t.loop.stale) > fewStale {
			wait = publishEvery
		}
		earlier(t.loop.lastPublish + pipeline.Time(wait))
	}
	if t.loop.settled != nil {
		earlier(t.loop.batchNow + pipeline.Time(drainTick))
	}
	if !ok {
		return time.Time{}
	}
	return t.timeOf(at)
}

// flush sends everything that is due, as far as the socket has room for it.
func (t *Transport) flush(now pipeline.Time) {
	if len(t.loop.backlog.rest) > 0 && !t.send(now) {
		return
	}
	for more := true; more; {
		more = t.core.Flush(now)
		if !t.send(now) {
			return
		}
	}
}

// finish releases everything that belongs to the transport. The steps are deferred,
// because each may call user code that calls runtime.Goexit.
func (t *Transport) finish(returned bool) {
	// Last, because Close returns now and nothing may change after it.
	defer close(t.done)
	defer t.received.Close()
	step := func(f func()) {
		defer func() {
			// After runtime.Goexit the core may have stopped between any two lines.
			// It must not panic because of that.
			if !returned && recover() != nil {
				t.panics.Add(1)
			}
		}()
		f()
	}
	defer step(func() { t.publish(t.now(), true) })
	defer step(t.endPeers)
	defer step(t.refuseCalls)
	defer close(t.work)
	defer step(t.endRecording)
	defer step(t.handleEvents)
	defer step(func() {
		for t.core.Close(wire.CloseShutdown, t.now()) {
			t.core.Outgoing() // discard: the socket is closed
		}
	})
	t.stop()
	_ = t.socket.Close()
	if !returned && t.failed == nil {
		t.failed = errGoexit
		t.cfg.Logger.Error("a callback has called runtime.Goexit; the transport ends")
	}
}

// refuseCalls lets no further calls into the inbox, and runs those that are there.
func (t *Transport) refuseCalls() {
	t.inbox.Lock()
	t.closing = true
	calls := t.calls
	t.calls = nil
	t.inbox.Unlock()
	for _, f := range calls {
		f(t.now())
	}
}
