// Package resolve turns the addresses that users give into socket addresses.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// Remote returns the first address of [Remotes].
func Remote(ctx context.Context, addr string, local netip.Addr) (netip.AddrPort, error) {
	all, err := Remotes(ctx, addr, local)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return all[0], nil
}

// Remotes returns the addresses for "host:port" that a socket bound to local can send
// to, at least one; with a zero local any will do. They alternate between IPv4 and
// IPv6, and begin with IPv4, because listeners on "localhost" mostly have that alone.
// The host may be a name, which is looked up until ctx ends, or empty, for localhost;
// the port may be a service's name.
func Remotes(ctx context.Context, addr string, local netip.Addr) ([]netip.AddrPort, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("intentra: address %q: %w", addr, err)
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", portText)
	if err != nil {
		return nil, fmt.Errorf("intentra: address %q: %w", addr, err)
	}
	if port == 0 {
		return nil, fmt.Errorf("intentra: address %q: port 0 cannot be dialled", addr)
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
		return nil, fmt.Errorf("intentra: %w", err)
	}
	if len(ips) == 0 {
		return nil, errors.New("intentra: " + strconv.Quote(host) + " has no address")
	}
	return interleave(ips, uint16(port)), nil
}

// interleave alternates between the families, IPv4 first, and keeps the order within
// each.
func interleave(ips []netip.Addr, port uint16) (all []netip.AddrPort) {
	var families [2][]netip.AddrPort
	for _, ip := range ips {
		f := 0
		if ip = ip.Unmap(); ip.Is6() {
			f = 1
		}
		families[f] = append(families[f], netip.AddrPortFrom(ip, port))
	}
	for i := range ips {
		for _, f := range families {
			if i < len(f) {
				all = append(all, f[i])
			}
		}
	}
	return all
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
