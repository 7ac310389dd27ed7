// Package resolve turns the addresses that users give into socket addresses.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// Remote returns the first address that [Remotes] finds.
func Remote(ctx context.Context, addr string, local netip.Addr) (first netip.AddrPort, err error) {
	err = Remotes(ctx, addr, local, func(all []netip.AddrPort) {
		if !first.IsValid() {
			first = all[0]
		}
	})
	return first, err
}

// Literal returns the address for an IP address with a port number, which needs no
// lookup, if a socket bound to local can send to it; with a zero local any will do.
func Literal(addr string, local netip.Addr) (netip.AddrPort, bool) {
	a, err := netip.ParseAddrPort(addr)
	if err != nil || a.Port() == 0 {
		return netip.AddrPort{}, false
	}
	ip := a.Addr().Unmap()
	if ip.Is6() && local.Is4() || ip.Is4() && local.Is6() && !local.IsUnspecified() {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ip.WithZone(zone(ip)), a.Port()), true
}

// resolutionDelay is how long IPv6 addresses wait for IPv4 addresses, which are tried
// first because listeners on "localhost" mostly have these alone. It is the Resolution
// Delay of RFC 8305 section 3, with the families exchanged.
const resolutionDelay = 50 * time.Millisecond

// Remotes calls found with the addresses for "host:port" that a socket bound to local can
// send to, at least one each time; with a zero local any will do. The families are looked
// up separately, so that one does not wait for the other. found is called for each that
// has addresses, by one goroutine at a time. The host may be a name, which is looked up
// until ctx ends, or empty, for localhost; the port may be a service's name. The error
// means that nothing was found.
func Remotes(ctx context.Context, addr string, local netip.Addr, found func(all []netip.AddrPort)) error {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("intentra: address %q: %w", addr, err)
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", portText)
	if err != nil {
		return fmt.Errorf("intentra: address %q: %w", addr, err)
	}
	if port == 0 {
		return fmt.Errorf("intentra: address %q: port 0 cannot be dialled", addr)
	}
	if host == "" {
		host = "localhost"
	}
	networks := []string{"ip4", "ip6"}
	switch {
	case local.Is4():
		networks = networks[:1]
	case local.Is6() && !local.IsUnspecified():
		networks = networks[1:]
	}
	if err := families(ctx, lookup, networks, host, func(ips []netip.Addr) {
		all := make([]netip.AddrPort, len(ips))
		for i, ip := range ips {
			all[i] = netip.AddrPortFrom(ip.Unmap(), uint16(port))
		}
		found(all)
	}); err != nil {
		return fmt.Errorf("intentra: %w", err)
	}
	return nil
}

// families looks up host in the networks at the same time, and calls found with the
// addresses of each as they come. The error is that of the first network.
func families(ctx context.Context, lookup func(ctx context.Context, network, host string) ([]netip.Addr, error),
	networks []string, host string, found func([]netip.Addr),
) error {
	type result struct {
		ips []netip.Addr
		err error
	}
	results := make([]chan result, len(networks))
	for i, network := range networks {
		results[i] = make(chan result, 1)
		go func() {
			ips, err := lookup(ctx, network, host)
			results[i] <- result{ips, err}
		}()
	}
	var first error
	any := false
	take := func(r result) {
		if r.err == nil && len(r.ips) > 0 {
			any = true
			found(r.ips)
		} else if first == nil {
			first = r.err
		}
	}
	if len(results) == 1 {
		take(<-results[0])
	} else {
		select {
		case four := <-results[0]:
			take(four)
			take(<-results[1])
		case six := <-results[1]:
			select {
			case four := <-results[0]:
				take(four)
				take(six)
			case <-time.After(resolutionDelay):
				take(six)
				take(<-results[0])
			}
		}
	}
	switch {
	case any:
		return nil
	case first == nil:
		return errors.New(strconv.Quote(host) + " has no address")
	}
	return first
}

// lookup is LookupNetIP, which loses the zone of a link-local address. Other
// addresses must have no zone, since datagrams from them arrive without one.
func lookup(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() != "" && network != "ip4" {
		return []netip.Addr{ip.WithZone(zone(ip))}, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, network, host)
}

// zone returns the zone that datagrams from ip arrive with.
func zone(ip netip.Addr) string {
	if ip.Zone() == "" || !ip.IsLinkLocalUnicast() {
		return ""
	}
	return zoneName(ip.Zone())
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
