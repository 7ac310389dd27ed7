package sim

import (
	"net/netip"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/simulated"
	"github.com/intentra/intentra/pipeline"
)

var _ intentra.Node = (*Node)(nil)

// Program makes a node, like World.Node, whose processes run an application: start
// is called for the first one and, later, for each that Restart starts, so that the
// application begins without memory as in a real restart. Of the configurations
// after the first one only Handler, Room, OnPeer, OnDelivery and OnGivenUp are used.
//
// Handler and OnPeer get the Transport and the Peers of the process, as in a real
// program, with these differences: no method waits, so methods that would wait
// (Transport.Dial, Shutdown, Run, Receive and SendWait of a message without room)
// return net.ErrClosed at once; use Node.Dial to dial. Transport.Close ends the
// process. Received.Arrived counts from 2000-01-01, UTC, on the node's own clock.
// Calls take effect in the node's next turn, in this instant.
func (w *World) Program(name string, addr netip.AddrPort, start func() intentra.Config) (*Node, error) {
	w.checked()
	need(start != nil, "Program", "a function")
	first := start()
	n, err := w.Node(name, addr, first)
	if err == nil {
		n.program = start
	}
	return n, err
}

// openApplication makes the Transport of the process, before its endpoint is used.
func (p *process) openApplication(cfg conn.Config) {
	core, recorded := p.driver.(*journal.Core)
	if !recorded {
		core = &journal.Core{Endpoint: p.ep}
	}
	p.app = simulated.New(simulated.Setup{Core: core, Config: cfg, User: p.user(), Host: p})
	p.transport = p.app.Transport().(*intentra.Transport)
}

// Addr, Wake and Sent implement simulated.Host.

// Addr returns the address of the node.
func (p *process) Addr() netip.AddrPort { return p.n.addr }

// Wake schedules a turn, unless the process has ended.
func (p *process) Wake() {
	if !p.ended && p.n.proc == p {
		p.n.wake()
	}
}

// Now returns the time on the clock of the node.
func (p *process) Now() pipeline.Time { return p.n.Now() }

// Sent calls the observers.
func (p *process) Sent(to *conn.Peer, m simulated.Message, status uint8, err error) {
	p.n.sent(to.Key, intentra.Message(m), intentra.SendResult{Status: intentra.SendStatus(status), Err: err})
}

func (n *Node) sent(to intentra.PublicKey, m intentra.Message, r intentra.SendResult) {
	for _, o := range n.w.observers {
		if o.Sent != nil {
			o.Sent(n, to, m, r)
		}
	}
}

// Transport returns the Transport of the latest process; see World.Program.
func (n *Node) Transport() *intentra.Transport { return n.checked().proc.transport }

// PublicKey is Key.
func (n *Node) PublicKey() intentra.PublicKey { return n.checked().key }

// Peer returns the peer with the key, if the latest process knows it. Messages that
// are sent to it are those of this node.
func (n *Node) Peer(k intentra.PublicKey) (*intentra.Peer, bool) {
	return n.checked().proc.transport.Peer(k)
}

// Peers returns the connected peers, in the order in which they connected. The
// slice belongs to the caller.
func (n *Node) Peers() []*intentra.Peer { return n.checked().proc.transport.Peers() }

// Broadcast is Send to all connected peers.
func (n *Node) Broadcast(m intentra.Message) intentra.BroadcastResult {
	n.checked()
	return n.proc.transport.Broadcast(m)
}

// BroadcastTo is Send to the peers, which are those of the latest process.
func (n *Node) BroadcastTo(m intentra.Message, peers ...*intentra.Peer) intentra.BroadcastResult {
	n.checked()
	return n.proc.transport.BroadcastTo(m, peers...)
}

// Revoke ends the session of a peer, as intentra.Transport.Revoke does.
func (n *Node) Revoke(k intentra.PublicKey) { n.checked().proc.transport.Revoke(k) }
