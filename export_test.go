package intentra

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/recvq"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/udp"
	"github.com/intentra/intentra/wire"
)

// What tests need of the inside of a transport.

// DialBatch and WorkerQueue are the constants of those names.
const (
	DialBatch   = dialBatch
	WorkerQueue = workerQueue
)

// SmallMessage is the function of that name.
var SmallMessage = smallMessage

// Resolver looks up an address that a socket with the local address can reach.
type Resolver = func(ctx context.Context, addr string, local netip.Addr) (netip.AddrPort, error)

// SetResolver replaces the resolver. Call it before the first Dial.
func (t *Transport) SetResolver(r Resolver) {
	t.resolver = func(ctx context.Context, addr string, local netip.Addr, found func([]netip.AddrPort)) error {
		a, err := r(ctx, addr, local)
		if err == nil {
			found([]netip.AddrPort{a})
		}
		return err
	}
}

// Call has f run on the loop and reports whether it will run.
func (t *Transport) Call(f func()) bool { return t.call(func(pipeline.Time) { f() }) }

// WaitingCalls returns the number of calls that the loop has not yet taken.
func (t *Transport) WaitingCalls() int {
	t.inbox.Lock()
	defer t.inbox.Unlock()
	return len(t.calls)
}

// ForgetNow does what the loop does when the core forgets a peer. It returns once
// that is done.
func (t *Transport) ForgetNow(p *Peer) {
	done := make(chan struct{})
	t.call(func(pipeline.Time) {
		t.handleEvents()
		t.forget(p)
		close(done)
	})
	<-done
}

// EndFirst notes that the connection has ended for good, as CloseWith does before the core closes
// the peer.
func (p *Peer) EndFirst(reason CloseReason) { p.end(reason) }

// KnownPeers returns the peers that are known, connected or not.
func (t *Transport) KnownPeers() []*Peer { return t.allPeers() }

// SocketBatch returns the batch size that the socket was opened with.
func (t *Transport) SocketBatch() int { return t.cfg.Socket.Batch }

// Socket returns the socket.
func (t *Transport) Socket() *udp.Conn { return t.socket }

// BusyRead returns what Receive returns on a transport, without a loop, that publishes
// a message while it is busy and then reads from its socket.
func BusyRead(ctx context.Context, cfg conn.Config) (Received, error) {
	socket, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), udp.Config{})
	if err != nil {
		return Received{}, err
	}
	core, err := journal.New(cfg, nil, 0)
	if err != nil {
		return Received{}, err
	}
	t := &Transport{socket: socket, core: core}
	t.received = recvq.NewGroup[*Peer](1, t.timeOf)
	received, err := Received{}, error(nil)
	go func() {
		received, err = t.Receive(ctx)
		_ = socket.Close()
	}()
	for range 10 {
		runtime.Gosched() // until Receive waits
	}
	t.received.NewQueue(nil).Push(1, recvq.Message{Channel: 0, Intent: Realtime})
	t.loop.busy = true
	t.received.Publish(true)
	if _, readErr := t.read(make([]wire.Datagram, 1)); !errors.Is(readErr, net.ErrClosed) {
		return Received{}, readErr
	}
	return received, err
}

// ReadDeadlines returns the read deadlines that a loop sets, relative to the first
// time, when it waits at each of the times with something to do a drainTick later.
func ReadDeadlines(cfg conn.Config, times []time.Duration) ([]time.Duration, error) {
	socket, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), udp.Config{})
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	core, err := journal.New(cfg, nil, 0)
	if err != nil {
		return nil, err
	}
	t := &Transport{socket: socket, core: core, start: time.Now()}
	t.loop.settled = make(chan struct{})
	var set []time.Duration
	for _, at := range times {
		t.loop.batchNow = pipeline.Time(clockStart + at)
		if err := t.setDeadline(); err != nil {
			return nil, err
		}
		set = append(set, t.loop.deadline.Sub(t.start))
	}
	return set, nil
}

// WorkerlessTransport is a transport without a socket, a loop and a worker: its
// handshake jobs stay where they are.
type WorkerlessTransport struct{ t *Transport }

// NewWorkerlessTransport returns one with the given configuration of its core.
func NewWorkerlessTransport(cfg conn.Config) (*WorkerlessTransport, error) {
	core, err := journal.New(cfg, nil, 0)
	return &WorkerlessTransport{&Transport{work: make(chan *conn.Job, workerQueue), core: core}}, err
}

// Dial begins a dial, which makes a job.
func (w *WorkerlessTransport) Dial(key PublicKey, addr netip.AddrPort) error {
	p, err := w.t.core.Dial(key, 1)
	if err == nil {
		w.t.core.SetAddress(p, addr, 1)
	}
	return err
}

// StartJobs hands jobs to the missing worker.
func (w *WorkerlessTransport) StartJobs() { w.t.startJobs() }

// Jobs returns how many jobs are in the worker's queue, how many the loop counts
// as handed over, and how many the core still has.
func (w *WorkerlessTransport) Jobs() (queued, handedOver, waiting int) {
	for w.t.core.PollJob() != nil {
		waiting++
	}
	return len(w.t.work), w.t.working, waiting
}
