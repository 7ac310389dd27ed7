package sim

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// ErrNoAddress is the error of a dial to a peer whose name resolves to nothing.
var ErrNoAddress = errors.New("sim: no address is known for the peer")

// SetAddress sets the addresses to which the name of the peer with the key resolves, for
// all nodes without an entry of their own. Addresses that are not valid are left out; if
// none is left, as with the zero AddrPort, the name does not resolve. Without an entry,
// as after a call with no address at all, the addresses are the current ones of the node
// with the key.
func (w *World) SetAddress(key intentra.PublicKey, addrs ...netip.AddrPort) {
	enter(w.checked().book, key, addrs)
}

// SetAddress is World.SetAddress for this node alone.
func (n *Node) SetAddress(key intentra.PublicKey, addrs ...netip.AddrPort) {
	n.checked()
	if n.book == nil {
		n.book = book{}
	}
	enter(n.book, key, addrs)
}

// book says to what the names of peers resolve.
type book map[intentra.PublicKey][]netip.AddrPort

func enter(b book, key intentra.PublicKey, addrs []netip.AddrPort) {
	if len(addrs) == 0 {
		delete(b, key)
		return
	}
	b[key] = slices.DeleteFunc(slices.Clone(addrs), func(a netip.AddrPort) bool { return !a.IsValid() })
}

// resolve returns the addresses of the peer with the key.
func (n *Node) resolve(key intentra.PublicKey) []netip.AddrPort {
	addrs, ok := n.book[key]
	if !ok {
		addrs, ok = n.w.book[key]
	}
	if other := n.w.byKey[key]; !ok && other != nil {
		return other.Addrs()
	}
	return addrs
}

// answer looks up the addresses of the peer, and answers NeedAddress in the next turn
// of the process or after Node.LookupDelay.
func (p *process) answer(peer *conn.Peer) {
	reply := func(d Driver, now pipeline.Time) {
		if all := p.n.resolve(peer.Key); len(all) > 0 {
			d.AddAddresses(peer, all, false, now)
		} else {
			d.DialFailed(peer, ErrNoAddress, now)
		}
	}
	if p.n.LookupDelay <= 0 {
		p.calls = append(p.calls, reply)
		return
	}
	if p.lookups == nil {
		p.lookups = map[*conn.Peer]uint64{}
	}
	p.lookedUp++
	number := p.lookedUp
	p.lookups[peer] = number
	p.n.w.put(event{at: p.n.w.now + pipeline.Time(p.n.LookupDelay), do: func() {
		if p.lookups[peer] == number {
			delete(p.lookups, peer)
			p.do(reply)
		}
	}})
}
