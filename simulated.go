package intentra

import (
	"context"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/recovered"
	"github.com/intentra/intentra/internal/recvq"
	"github.com/intentra/intentra/internal/roster"
	"github.com/intentra/intentra/internal/simulated"
	"github.com/intentra/intentra/pipeline"
)

// Node is what an application uses of a [Transport], besides the peers that its
// Handler and OnPeer are given. A node of the simulator (package sim) has these methods
// as well, so an application that keeps to them runs on both unchanged. None of them
// waits.
type Node interface {
	PublicKey() PublicKey
	Peer(k PublicKey) (*Peer, bool)
	Peers() []*Peer
	Broadcast(m Message) BroadcastResult
	BroadcastTo(m Message, peers ...*Peer) BroadcastResult
	Revoke(k PublicKey)
}

var _ Node = (*Transport)(nil)

// simulatedStart is the wall-clock time at which simulated transports start.
var simulatedStart = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// simulation is a Transport without a socket, a clock and goroutines, which package
// sim drives.
type simulation struct{ t *Transport }

func init() { simulated.New = newSimulation }

func newSimulation(s simulated.Setup) simulated.Application {
	user := s.User.(Config)
	t := &Transport{
		cfg: Config{
			Handler: user.Handler, Room: user.Room, OnPeer: user.OnPeer, OnDelivery: user.OnDelivery, OnGivenUp: user.OnGivenUp,
			MaxDatagram: s.Config.MaxDatagram, MaxMessage: s.Config.MaxMessage, ReliableQueueBytes: s.Config.ReliableQueueBytes,
		},
		identity: s.Config.Identity,
		public:   s.Config.Identity.Public(),
		core:     s.Core,
		small:    smallMessage(s.Core.Outbound().MaxGrowth()),
		host:     s.Host,
		start:    simulatedStart,
		done:     make(chan struct{}),
		peers:    make(map[PublicKey]*Peer),
		known:    roster.New(func(p *Peer) *int32 { return &p.places.known }),
	}
	t.cfg.Logger = recovered.Logger(s.Config.Logger, &t.panics)
	if t.cfg.Handler == nil {
		t.cfg.Handler = func(Received) {}
	}
	t.connected = roster.New(func(p *Peer) *int32 { return &p.places.connected })
	t.received = recvq.NewGroup[*Peer](1, t.timeOf)
	t.received.Close()
	t.resolving, t.stop = context.WithCancel(context.Background())
	t.stop()
	close(t.done) // so that calls that would wait return net.ErrClosed
	return simulation{t}
}

func (s simulation) Transport() any { return s.t }

func (s simulation) Peer(c *conn.Peer) any { return s.t.peerOf(c) }

func (s simulation) HandleEvent(ev conn.Event) {
	if ev.Kind != conn.NeedAddress {
		s.t.handleEvent(ev)
	}
}

func (s simulation) Deliver(from *conn.Peer, pk *pipeline.Packet) {
	var in Received
	s.t.receivedFrom(&in, s.t.peerOf(from), from, pk)
	s.t.cfg.Handler(in)
}

func (s simulation) Room(from *conn.Peer, channel uint32) bool {
	return s.t.cfg.Room == nil || s.t.cfg.Room(s.t.peerOf(from), channel)
}

func (s simulation) GivenUp(from *conn.Peer, channel uint32) { s.t.givenUp(from, channel) }

func (s simulation) HandleDeliveries() { s.t.handleDeliveries() }

func (s simulation) InboxFull() bool { return s.t.inboxFull() }

func (s simulation) TakeInbox(now pipeline.Time) (closing bool) { return s.t.takeInbox(now) }

func (s simulation) End(killed bool) {
	s.t.killed = killed
	s.t.inbox.Lock()
	s.t.closing = true
	s.t.calls, s.t.ready = nil, nil
	s.t.inbox.Unlock()
	s.t.endPeers()
}

// sent reports the result of sending m to the simulator, and returns it.
func (p *Peer) sent(m *Message, r SendResult) SendResult {
	if p.valid() && p.t.host != nil {
		p.t.host.Sent(p.core, simulated.Message(*m), uint8(r.Status), r.Err)
	}
	return r
}
