package sim

import (
	"errors"
	"net/netip"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// ErrNoAddress is the error of a dial to a peer whose name resolves to nothing.
var ErrNoAddress = errors.New("sim: no address is known for the peer")

// SetAddress sets the address of the peer with the key, for all nodes without an
// entry of their own. With the zero AddrPort the name of the peer does not
// resolve. Without SetAddress the address is the current one of the node with the
// key.
func (w *World) SetAddress(key intentra.PublicKey, addr netip.AddrPort) { w.book[key] = addr }

// SetAddress is World.SetAddress for this node alone.
func (n *Node) SetAddress(key intentra.PublicKey, addr netip.AddrPort) {
	if n.book == nil {
		n.book = map[intentra.PublicKey]netip.AddrPort{}
	}
	n.book[key] = addr
}

func (n *Node) resolve(key intentra.PublicKey) netip.AddrPort {
	if addr, ok := n.book[key]; ok {
		return addr
	}
	if addr, ok := n.w.book[key]; ok {
		return addr
	}
	if other := n.w.byKey[key]; other != nil {
		return other.addr
	}
	return netip.AddrPort{}
}

// answer returns a call that answers NeedAddress.
func (p *process) answer(peer *conn.Peer) func(d Driver, now pipeline.Time) {
	return func(d Driver, now pipeline.Time) {
		if addr := p.n.resolve(peer.Key); addr.IsValid() {
			d.SetAddress(peer, addr, now)
		} else {
			d.DialFailed(peer, ErrNoAddress, now)
		}
	}
}
