package script

import (
	"net/netip"
	"strings"
)

func rebindCommand(a *args) action {
	name := a.node()
	var addr netip.AddrPort
	if a.more() {
		addr = a.parsed("an address", toAddress).(netip.AddrPort)
	}
	return func(r *run) error {
		if addr.IsValid() {
			return r.named(name).Rebind(addr)
		}
		return r.named(name).Rebind(netip.AddrPortFrom(r.newAddr(), 4000))
	}
}

// newAddr returns an address that no node has had.
func (r *run) newAddr() netip.Addr {
	r.rebinds++
	return netip.AddrFrom4([4]byte{172, 16, byte(r.rebinds >> 8), byte(r.rebinds)})
}

func addAddrCommand(a *args) action {
	name := a.node()
	var addr netip.Addr
	if a.more() {
		addr = a.ip()
	}
	return func(r *run) error {
		if addr.IsValid() {
			return r.named(name).AddAddr(addr)
		}
		return r.named(name).AddAddr(r.newAddr())
	}
}

func dropAddrCommand(a *args) action {
	name, nth := a.node(), a.number("which one")
	return func(r *run) error {
		n := r.named(name)
		all := n.Addrs()
		if nth < 1 || nth > len(all) || len(all) == 1 {
			return nil
		}
		return n.RemoveAddr(all[nth-1].Addr())
	}
}

func nameCommand(a *args) action {
	name, what := a.node(), a.next("what its name resolves to")
	var parts []func(r *run) []netip.AddrPort
	for _, part := range strings.Split(what, ",") {
		if what == "own" || what == "none" || a.err != nil {
			break
		}
		if addr, err := toAddress(part); err == nil {
			parts = append(parts, func(*run) []netip.AddrPort { return []netip.AddrPort{addr.(netip.AddrPort)} })
			continue
		}
		a.known(part)
		parts = append(parts, func(r *run) []netip.AddrPort { return r.named(part).Addrs() })
	}
	return func(r *run) error {
		var addrs []netip.AddrPort
		if what == "none" {
			addrs = append(addrs, netip.AddrPort{})
		}
		for _, part := range parts {
			addrs = append(addrs, part(r)...)
		}
		r.w.SetAddress(r.named(name).Key(), addrs...)
		return nil
	}
}

func lookupCommand(a *args) action {
	name, d := a.node(), a.duration("how long a lookup takes")
	return func(r *run) error {
		r.named(name).LookupDelay = d
		return nil
	}
}
