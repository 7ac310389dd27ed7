package sim

import (
	"net/netip"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Driver is how a node drives its endpoint: a *conn.Endpoint, or one that is
// recorded. See [World.DriveWith].
type Driver interface {
	HandleDatagram(d wire.Datagram, now pipeline.Time)
	HandleTimeout(now pipeline.Time)
	HandleJob(j *conn.Job, now pipeline.Time)
	Flush(now pipeline.Time) (more bool)
	Outgoing() []wire.Datagram
	Refused(done int, now pipeline.Time) []wire.Datagram
	HandleTooLarge(index int, now pipeline.Time)
	MarkReady(p *conn.Peer)
	Dial(key [conn.KeySize]byte, now pipeline.Time) (*conn.Peer, error)
	AddAddresses(p *conn.Peer, addrs []netip.AddrPort, more bool, now pipeline.Time)
	DialFailed(p *conn.Peer, err error, now pipeline.Time)
	ClosePeer(p *conn.Peer, reason wire.CloseReason, now pipeline.Time)
	Close(reason wire.CloseReason, now pipeline.Time) (more bool)
}

var _ Driver = (*conn.Endpoint)(nil)

// DriveWith makes nodes added from now on, and processes that they restart, call
// the Driver that open returns along with its endpoint. A function given to
// [Node.Do] still gets the endpoint itself.
func (w *World) DriveWith(open func(n *Node, cfg conn.Config) (Driver, *conn.Endpoint, error)) {
	w.checked()
	need(open != nil, "DriveWith", "a function")
	w.open = open
}

// openEndpoint is DriveWith's default.
func openEndpoint(_ *Node, cfg conn.Config) (Driver, *conn.Endpoint, error) {
	ep, err := conn.New(cfg)
	return ep, ep, err
}
