// Package resolve turns the addresses that users give into socket addresses.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// Remote returns an address for "host:port" that a socket bound to local can send
// to; with a zero local any will do. It prefers IPv4, because listeners on
// "localhost" mostly have that alone. The host may be a name, which is looked up
// until ctx ends, or empty, for localhost; the port may be a service's name.
func Remote(ctx context.Context, addr string, local netip.Addr) (netip.AddrPort, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("intentra: address %q: %w", addr, err)
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", portText)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("intentra: address %q: %w", addr, err)
	}
	if port == 0 {
		return netip.AddrPort{}, fmt.Errorf("intentra: address %q: port 0 cannot be dialled", addr)
	}
	if host == "" {
		host = "localhost"
	}
	network := "ip"
	switch {
	case local.Is4():
		network = "ip4"
	case local.Is6() && !local.IsUnspecified():
		network = "ip6"
	}
	ips, err := lookup(ctx, network, host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("intentra: %w", err)
	}
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	if len(ips) == 0 {
		return netip.AddrPort{}, errors.New("intentra: " + strconv.Quote(host) + " has no address")
	}
	slices.SortStableFunc(ips, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return netip.AddrPortFrom(ips[0], uint16(port)), nil
}

// lookup is LookupNetIP, which loses the zone of a link-local address. Other
// addresses must have no zone, since datagrams from them arrive without one.
func lookup(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() != "" && network != "ip4" {
		zone := ""
		if ip.IsLinkLocalUnicast() {
			zone = zoneName(ip.Zone())
		}
		return []netip.Addr{ip.WithZone(zone)}, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, network, host)
}

// zoneName returns the name of the interface that a zone names or numbers, because
// datagrams from it arrive with the name.
func zoneName(zone string) string {
	if n, err := strconv.Atoi(zone); err == nil {
		if i, err := net.InterfaceByIndex(n); err == nil {
			return i.Name
		}
	}
	return zone
}
