package udp

import "net/netip"

// normalize gives an address its one form: no IPv4-mapped IPv6 address, and a
// zone only where it says which link is meant.
func normalize(ap netip.AddrPort) netip.AddrPort {
	a := ap.Addr().Unmap()
	if a.Zone() != "" && !linkLocal(a) {
		a = a.WithZone("")
	}
	return netip.AddrPortFrom(a, ap.Port())
}

// linkLocal reports whether a needs a zone.
func linkLocal(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

// sendable reports whether ap can be a unicast destination. It knows nothing
// of subnets, so a broadcast address passes; the kernel refuses that.
func sendable(ap netip.AddrPort) bool {
	return ap.IsValid() && ap.Port() != 0 && !ap.Addr().Unmap().IsMulticast()
}
