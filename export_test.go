package intentra

import (
	"context"
	"net/netip"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/udp"
)

// What tests need of the inside of a transport.

// DialBatch and WorkerQueue are the constants of those names.
const (
	DialBatch   = dialBatch
	WorkerQueue = workerQueue
)

// Resolver looks up an address that a socket with the local address can reach.
type Resolver = func(ctx context.Context, addr string, local netip.Addr) (netip.AddrPort, error)

// SetResolver replaces the resolver. Call it before the first Dial.
func (t *Transport) SetResolver(r Resolver) {
	t.resolver = func(ctx context.Context, addr string, local netip.Addr) ([]netip.AddrPort, error) {
		a, err := r(ctx, addr, local)
		return []netip.AddrPort{a}, err
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

// KnownPeers returns the peers that are known, connected or not.
func (t *Transport) KnownPeers() []*Peer { return t.allPeers() }

// SocketBatch returns the batch size that the socket was opened with.
func (t *Transport) SocketBatch() int { return t.cfg.Socket.Batch }

// Socket returns the socket.
func (t *Transport) Socket() *udp.Conn { return t.socket }

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
