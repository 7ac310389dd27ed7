package sim

import (
	"errors"
	"net/netip"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// ErrNoAddress: the name of a peer resolves to nothing.
var ErrNoAddress = errors.New("sim: no address is known for the peer")

// SetAddress sets what the name of the peer with the key resolves to, for all
// nodes that have no entry of their own; the zero AddrPort has it resolve to
// nothing. Without one it resolves to where the node with the key is at the
// time.
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

// answer returns the answer to NeedAddress.
func (p *process) answer(peer *conn.Peer) func(d Driver, now pipeline.Time) {
	return func(d Driver, now pipeline.Time) {
		if addr := p.n.resolve(peer.Key); addr.IsValid() {
			d.SetAddress(peer, addr, now)
		} else {
			d.DialFailed(peer, ErrNoAddress, now)
		}
	}
}
