package journal

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// checksum is the one's complement sum of all 16-bit words (RFC 1071). It is 0xffff
// for data that contains its own checksum.
func checksum(b []byte) uint16 {
	if len(b)%2 == 1 {
		b = append(bytes.Clone(b), 0)
	}
	var sum uint16
	for i := 0; i < len(b); i += 2 {
		word := binary.BigEndian.Uint16(b[i:])
		if sum += word; sum < word {
			sum++ // the end-around carry
		}
	}
	return sum
}

// requireValid checks the headers of a packet against RFC 791, 8200 and 768.
func requireValid(t testing.TB, packet []byte, size int) {
	var pseudo, datagram []byte
	if packet[0]>>4 == 4 {
		require.Equal(t, uint16(0xffff), checksum(packet[:20]), "checksum of the IPv4 header")
		require.EqualValues(t, len(packet), binary.BigEndian.Uint16(packet[2:]))
		pseudo, datagram = append(bytes.Clone(packet[12:20]), 0, 17), packet[20:]
	} else {
		require.EqualValues(t, len(packet)-40, binary.BigEndian.Uint16(packet[4:]))
		pseudo, datagram = append(bytes.Clone(packet[8:40]), 0, 17), packet[40:]
	}
	require.Len(t, datagram, 8+size)
	require.EqualValues(t, len(datagram), binary.BigEndian.Uint16(datagram[4:]))
	require.NotZero(t, binary.BigEndian.Uint16(datagram[6:]), "zero means no checksum")
	pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(datagram)))
	require.Equal(t, uint16(0xffff), checksum(append(pseudo, datagram...)))
}

func TestIPRoundTrip(t *testing.T) {
	for _, tc := range []struct{ from, to string }{
		{"127.0.0.1:1", "127.0.0.1:65535"}, {"255.255.255.255:65535", "0.0.0.0:0"},
		{"[::1]:5", "[fe80::1]:6"}, {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[::]:0"},
	} {
		from, to := addrPort(tc.from), addrPort(tc.to)
		for _, size := range []int{0, 1, 2, 3, 1231, 1232, 65506, 65507} {
			for _, fill := range []byte{0, 0x5a, 0xff} {
				data := bytes.Repeat([]byte{fill}, size)
				b := appendIP([]byte("before"), from, to, data)
				require.Equal(t, "before", string(b[:6]))
				requireValid(t, b[6:], size)
				gotFrom, gotTo, got, ok := parseIP(b[6:])
				require.True(t, ok)
				require.Equal(t, from, gotFrom)
				require.Equal(t, to, gotTo)
				require.Equal(t, data, got)
				require.NotNil(t, got, "an empty payload is not nil")
			}
		}
	}
}

// A datagram whose checksum is computed as zero has the checksum 0xffff.
func TestZeroChecksum(t *testing.T) {
	from, to := addrPort("10.0.0.1:5"), addrPort("10.0.0.2:6")
	b := appendIP(nil, from, to, []byte{0, 0})
	b = appendIP(nil, from, to, b[26:28]) // its checksum as data cancels the rest
	require.Equal(t, []byte{0xff, 0xff}, b[26:28])
	requireValid(t, b, 2)
}

func TestOtherPacketsAreNotParsed(t *testing.T) {
	v4 := func(change func(b []byte)) []byte {
		b := appendIP(nil, addrPort("10.0.0.1:5"), addrPort("10.0.0.2:6"), []byte("payload"))
		change(b)
		return b
	}
	v6 := func(change func(b []byte)) []byte {
		b := appendIP(nil, addrPort("[::1]:5"), addrPort("[::2]:6"), []byte("payload"))
		change(b)
		return b
	}
	for name, b := range map[string][]byte{
		"empty":                 nil,
		"unknown version":       v4(func(b []byte) { b[0] = 0x55 }),
		"first fragment":        v4(func(b []byte) { b[6] |= 0x20 }),
		"last fragment":         v4(func(b []byte) { b[7] = 1 }),
		"TCP":                   v4(func(b []byte) { b[9] = 6 }),
		"short header":          v4(func(b []byte) { b[0] = 0x44 }),
		"long header":           v4(func(b []byte) { b[0] = 0x4f }),
		"short UDP length":      v4(func(b []byte) { b[25] = 7 }),
		"long UDP length":       v4(func(b []byte) { b[25] = 16 }),
		"IPv6 fragment":         v6(func(b []byte) { b[6] = 44 }),
		"IPv6 TCP":              v6(func(b []byte) { b[6] = 6 }),
		"IPv6 short UDP length": v6(func(b []byte) { b[45] = 0 }),
	} {
		_, _, data, ok := parseIP(b)
		require.False(t, ok, name)
		require.Nil(t, data, name)
	}
	for _, whole := range [][]byte{v4(func([]byte) {}), v6(func([]byte) {})} {
		for n := range whole {
			_, _, _, ok := parseIP(whole[:n])
			require.False(t, ok, "cut to %d of %d bytes", n, len(whole))
		}
		_, _, data, ok := parseIP(append(whole, "trailer"...))
		require.True(t, ok, "Ethernet pads what is short")
		require.Equal(t, "payload", string(data))
	}
	b := v4(func([]byte) {})
	b = append(b[:20:20], append([]byte{1, 1, 1, 0}, b[20:]...)...)
	b[0] = 0x46
	_, _, data, ok := parseIP(b)
	require.True(t, ok, "IP options are passed over")
	require.Equal(t, "payload", string(data))
}

func TestFamily(t *testing.T) {
	for _, tc := range []struct{ local, remote, want string }{
		{"0.0.0.0:5", "10.0.0.1:1", "0.0.0.0:5"},
		{"[::]:5", "10.0.0.1:1", "0.0.0.0:5"},
		{"[::ffff:10.0.0.9]:5", "10.0.0.1:1", "10.0.0.9:5"},
		{"0.0.0.0:5", "[::1]:1", "[::]:5"},
		{"[fe80::1%eth0]:5", "[::1]:1", "[fe80::1]:5"},
	} {
		require.Equal(t, addrPort(tc.want), family(addrPort(tc.local), addrPort(tc.remote)), tc.local)
	}
	require.Equal(t, "0.0.0.0:0", family(netip.AddrPort{}, addrPort("10.0.0.1:1")).String(), "without an address")
}

// The attacker of FuzzIP has written the capture: any bytes may be in place of an IP
// packet. A payload that is parsed is part of them, and one that is written is
// parsed again.
func FuzzIP(f *testing.F) {
	f.Add(appendIP(nil, addrPort("10.0.0.1:5"), addrPort("10.0.0.2:6"), []byte("payload")))
	f.Add(appendIP(nil, addrPort("[::1]:5"), addrPort("[::2]:6"), nil))
	f.Add([]byte{0x4f})
	f.Fuzz(func(t *testing.T, b []byte) {
		from, to, data, ok := parseIP(b)
		if !ok {
			require.Nil(t, data)
			return
		}
		require.True(t, bytes.Contains(b, data))
		again := appendIP(nil, from, to, data)
		requireValid(t, again, len(data))
		from2, to2, data2, ok := parseIP(again)
		require.True(t, ok)
		require.Equal(t, from, from2)
		require.Equal(t, to, to2)
		require.Equal(t, string(data), string(data2))
		require.LessOrEqual(t, len(data), wire.MaxDatagram+20) // IPv6 counts no IP header
	})
}
