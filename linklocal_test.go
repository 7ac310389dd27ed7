package intentra_test

import (
	"net"
	"net/netip"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// linkLocal returns a link-local address of this machine twice, with its zone as a
// name and as a number.
func linkLocal(t *testing.T) (named, numbered netip.Addr) {
	interfaces, err := net.Interfaces()
	require.NoError(t, err)
	for _, i := range interfaces {
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil || i.Flags&net.FlagUp == 0 {
				continue
			}
			if ip := prefix.Addr(); ip.Is6() && ip.IsLinkLocalUnicast() {
				return ip.WithZone(i.Name), ip.WithZone(strconv.Itoa(i.Index))
			}
		}
	}
	t.Skip("no interface has a link-local address")
	return
}

func TestLinkLocalAddressesKeepTheirZone(t *testing.T) {
	ctx := loopback.Context(t)
	named, numbered := linkLocal(t)
	for _, ip := range []netip.Addr{named, numbered} {
		l := loopback.ListenOn(t, netip.AddrPortFrom(ip, 0).String(), intentra.Config{})
		p := loopback.DialAddr(t, netip.AddrPortFrom(ip, l.LocalAddr().Port()), l.PublicKey(), intentra.Config{})
		require.NoError(t, p.SendWait(ctx, loopback.Reliable("on the link")))
		require.Equal(t, "on the link", string(loopback.Receive(t, ctx, l).Payload))
		require.Equal(t, named, p.Addr().Addr())
	}
}
