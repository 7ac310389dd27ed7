package udp

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// An encoded address decodes to itself in normal form, whatever the buffer held before.
func TestSockaddrRoundTrip(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var s sockaddr
	var z zones
	for range 10_000 {
		ap := randomAddr(rng)
		for _, family := range []uint16{unix.AF_INET, unix.AF_INET6} {
			for i := range s {
				s[i] = byte(rng.Uint32())
			}
			size, ok := s.encode(ap, family, &z)
			require.Equal(t, sendable(ap) && (ap.Addr().Unmap().Is4() || family == unix.AF_INET6), ok, "%v", ap)
			if !ok {
				continue
			}
			got, ok := s.decode(size, &z)
			require.True(t, ok)
			require.Equal(t, normalize(ap), got)
		}
	}
}

func randomAddr(rng *rand.Rand) netip.AddrPort {
	var a [16]byte
	for i := range a {
		a[i] = byte(rng.Uint32())
	}
	addr := netip.AddrFrom16(a)
	switch rng.IntN(5) {
	case 0:
		addr = netip.AddrFrom4([4]byte(a[:4]))
	case 1: // IPv4-mapped
		addr = netip.AddrFrom16(netip.AddrFrom4([4]byte(a[:4])).As16())
	case 2:
		a[0], a[1] = 0xfe, 0x80
		addr = netip.AddrFrom16(a).WithZone("lo")
	case 3: // a zone that has no meaning for this address
		a[0] = 0x20
		addr = netip.AddrFrom16(a).WithZone("lo")
	}
	return netip.AddrPortFrom(addr, uint16(rng.Uint32()))
}

// Ports are in network byte order, and IPv4 addresses are mapped on an IPv6 socket.
func TestSockaddrBytes(t *testing.T) {
	var s sockaddr
	size, ok := s.encode(netip.MustParseAddrPort("192.0.2.1:258"), unix.AF_INET, nil)
	require.True(t, ok)
	require.EqualValues(t, unix.SizeofSockaddrInet4, size)
	require.Equal(t, []byte{1, 2, 192, 0, 2, 1}, s[2:8])
	size, ok = s.encode(netip.MustParseAddrPort("192.0.2.1:258"), unix.AF_INET6, nil)
	require.True(t, ok)
	require.EqualValues(t, unix.SizeofSockaddrInet6, size)
	require.Equal(t, []byte{1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1, 0, 0, 0, 0}, s[2:])
}

// FuzzSockaddr decodes any address. An off-path attacker chooses the source address and
// port of a datagram, and the kernel reports them. A decoded address is in normal form,
// and encodes to itself if it can be sent to.
func FuzzSockaddr(f *testing.F) {
	add := func(s string, family uint16) {
		var sa sockaddr
		size, _ := sa.encode(netip.MustParseAddrPort(s), family, new(zones))
		f.Add(sa[:], size)
	}
	add("127.0.0.1:1", unix.AF_INET)
	add("127.0.0.1:1", unix.AF_INET6)
	add("[2001:db8::1]:65535", unix.AF_INET6)
	add("[fe80::1%lo]:4000", unix.AF_INET6)
	f.Add([]byte{}, uint32(0))
	f.Add([]byte{10, 0, 1, 2, 3}, uint32(1<<31))
	var z zones
	f.Fuzz(func(t *testing.T, b []byte, size uint32) {
		var s sockaddr
		copy(s[:], b)
		ap, ok := s.decode(size, &z)
		if !ok {
			require.Equal(t, netip.AddrPort{}, ap)
			return
		}
		require.True(t, ap.IsValid())
		require.False(t, ap.Addr().Is4In6())
		require.Equal(t, normalize(ap), ap)
		if ap.Addr().Zone() != "" {
			require.True(t, linkLocal(ap.Addr()))
		}
		family := uint16(unix.AF_INET6)
		if size == unix.SizeofSockaddrInet4 {
			family = unix.AF_INET
		}
		var again sockaddr
		if size, ok = again.encode(ap, family, &z); !ok {
			// No zone represents an interface index of 2^31 or more.
			require.True(t, !sendable(ap) || ap.Addr().Zone() != "")
			return
		}
		back, ok := again.decode(size, &z)
		require.True(t, ok)
		require.Equal(t, ap, back)
	})
}

// The table of zones gives the system's answers even after more lookups than it has
// places.
func TestZones(t *testing.T) {
	var z zones
	require.Equal(t, "lo", z.name(1))
	for i := range uint32(3 * maxZones) {
		name := z.name(1000 + i)
		index, ok := z.index(name)
		require.True(t, ok)
		require.Equal(t, 1000+i, index)
	}
	_, ok := z.index("no such")
	require.False(t, ok)
	_, ok = z.index("no such") // now from the table
	require.False(t, ok)
	index, ok := z.index("lo")
	require.True(t, ok)
	require.EqualValues(t, 1, index)
	require.Equal(t, "lo", z.name(1))
}

// Decoding a link-local address does not allocate.
func TestLinkLocal(t *testing.T) {
	var s sockaddr
	z := new(zones)
	ap := netip.MustParseAddrPort("[fe80::1%lo]:4000")
	size, ok := s.encode(ap, unix.AF_INET6, z)
	require.True(t, ok)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if got, ok := s.decode(size, z); !ok || got != ap {
			t.Fatal(got, ok)
		}
	}))
}

// A zone is the name of an interface or a positive decimal index below 2^31.
func TestZoneIndex(t *testing.T) {
	for name, want := range map[string]uint32{
		"1": 1, "12345": 12345, "2147483647": 1<<31 - 1, "0": 0, "": 0, "none0": 0, "-1": 0, "2147483648": 0, "18446744073709551616": 0,
	} {
		index, ok := new(zones).index(name)
		require.Equal(t, want, index, name)
		require.Equal(t, want != 0, ok, name)
	}
}
