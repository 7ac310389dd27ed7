package udp

import "net/netip"

// normalize returns the canonical form of an address: it unmaps IPv4-mapped IPv6
// addresses and removes zones, except from link-local addresses.
func normalize(ap netip.AddrPort) netip.AddrPort {
	a := ap.Addr().Unmap()
	if a.Zone() != "" && !linkLocal(a) {
		a = a.WithZone("")
	}
	return netip.AddrPortFrom(a, ap.Port())
}

// linkLocal reports whether a is a link-local IPv6 address, which needs a zone.
func linkLocal(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

// sendable reports whether ap can be a unicast destination. It does not recognise
// the broadcast addresses of subnets, which the kernel rejects.
func sendable(ap netip.AddrPort) bool {
	return ap.IsValid() && ap.Port() != 0 && !ap.Addr().Unmap().IsMulticast()
}
