package sim

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/wire"
)

// mostAddresses limits the addresses of a node.
const mostAddresses = 64

// AddAddr gives the node a further address, as a machine has several on one network
// card, or a virtual one. From then on the node is like a socket that is bound to a
// wildcard address: the endpoint learns at which address a datagram has arrived, and
// chooses from which one it answers. Where it chooses none, the first address of the
// destination's family is the source. All addresses have the port of Addr. The error is
// intentra.ErrConfig if a node has the address, or this one has 64.
func (n *Node) AddAddr(addr netip.Addr) error {
	at := netip.AddrPortFrom(addr.Unmap(), n.checked().addr.Port())
	if !addr.IsValid() || n.w.byAddr[at] != nil || len(n.further)+1 >= mostAddresses {
		return fmt.Errorf("%w: %s cannot have the further address %v", intentra.ErrConfig, n.name, addr)
	}
	n.wildcard = true
	n.further = append(n.further, at.Addr())
	n.w.byAddr[at] = n
	return nil
}

// RemoveAddr takes an address from the node, as when another machine takes over a
// virtual one. Datagrams for it are lost from now on. If it was the first one, the next
// one becomes the first. The error is intentra.ErrConfig for the last address and for
// one that the node does not have.
func (n *Node) RemoveAddr(addr netip.Addr) error {
	addr = addr.Unmap()
	n = n.checked()
	i := slices.Index(n.further, addr)
	if len(n.further) == 0 || i < 0 && addr != n.addr.Addr() {
		return fmt.Errorf("%w: %s cannot lose the address %v", intentra.ErrConfig, n.name, addr)
	}
	delete(n.w.byAddr, netip.AddrPortFrom(addr, n.addr.Port()))
	if i < 0 {
		i = 0
		n.addr = netip.AddrPortFrom(n.further[0], n.addr.Port())
	}
	n.further = slices.Delete(n.further, i, i+1)
	return nil
}

// Addrs returns all addresses of the node, the first one first. The slice belongs to
// the caller.
func (n *Node) Addrs() []netip.AddrPort {
	all := []netip.AddrPort{n.checked().addr}
	for _, a := range n.further {
		all = append(all, netip.AddrPortFrom(a, n.addr.Port()))
	}
	return all
}

// move changes the first address, and the port of all.
func (n *Node) move(addr netip.AddrPort) error {
	for _, a := range n.further {
		if other := n.w.byAddr[netip.AddrPortFrom(a, addr.Port())]; other != nil && other != n || a == addr.Addr() {
			return fmt.Errorf("%w: %s cannot have the address %v", intentra.ErrConfig, n.name, addr)
		}
	}
	for _, a := range n.Addrs() {
		delete(n.w.byAddr, a)
	}
	n.addr = addr
	for _, a := range n.Addrs() {
		n.w.byAddr[a] = n
	}
	return nil
}

// local returns the local address that the endpoint sees in a datagram for the address.
func (n *Node) local(to netip.AddrPort) netip.Addr {
	if !n.wildcard {
		return netip.Addr{}
	}
	return to.Addr()
}

// source returns the address from which the datagram leaves. As on a real machine, a
// source address that the node does not have is replaced by another one of the
// destination's family; without one, the destination is unreachable. A node that never
// had a further address sends to any.
func (n *Node) source(d wire.Datagram) (from netip.AddrPort, ok bool) {
	if !n.wildcard {
		return n.addr, true
	}
	all := n.Addrs()
	if i := slices.Index(all, netip.AddrPortFrom(d.Local, n.addr.Port())); i >= 0 {
		return all[i], true
	}
	for _, a := range all {
		if a.Addr().Is4() == d.Addr.Addr().Unmap().Is4() {
			return a, true
		}
	}
	return netip.AddrPort{}, false
}
