package resolve

import (
	"fmt"
	"net"
	"net/netip"
)

// Local returns the address to bind a socket to for "host:port". An empty host
// means all addresses.
func Local(addr string) (netip.AddrPort, error) {
	a, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("intentra: listen address %q: %w", addr, err)
	}
	ip, ok := netip.AddrFromSlice(a.IP)
	if !ok {
		ip = netip.IPv6Unspecified() // both families, or IPv4 where there is no IPv6
	}
	return netip.AddrPortFrom(ip.Unmap().WithZone(a.Zone), uint16(a.Port)), nil
}
