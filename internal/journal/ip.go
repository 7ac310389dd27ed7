package journal

import (
	"encoding/binary"
	"net/netip"
)

// Sizes and values of IP headers (RFC 791, RFC 8200) and UDP headers (RFC 768),
// with which any tool can read the datagrams of a recording.
const (
	ipv4Size    = 20
	ipv6Size    = 40
	udpSize     = 8
	udpProtocol = 17
	hopLimit    = 64
)

// appendIP appends an IP packet with data as a UDP datagram. Both addresses must be
// of the same family.
func appendIP(b []byte, from, to netip.AddrPort, data []byte) []byte {
	start, n := len(b), udpSize+len(data)
	var pseudo uint32
	if from.Addr().Is4() {
		b = append(b, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(ipv4Size+n))
		b = append(b, 0, 0, 0x40, 0, hopLimit, udpProtocol, 0, 0)
		b = append(b, from.Addr().AsSlice()...)
		b = append(b, to.Addr().AsSlice()...)
		binary.BigEndian.PutUint16(b[start+10:], ^fold(sum(0, b[start:])))
		pseudo = sum(0, b[start+12:])
	} else {
		b = append(b, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(n)) // at most 65,515
		b = append(b, udpProtocol, hopLimit)
		b = append(b, from.Addr().AsSlice()...)
		b = append(b, to.Addr().AsSlice()...)
		pseudo = sum(0, b[start+8:])
	}
	header := len(b)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	b = binary.BigEndian.AppendUint16(b, to.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(n))
	b = append(b, 0, 0)
	check := ^fold(sum(sum(pseudo+udpProtocol+uint32(n), b[header:]), data))
	if check == 0 {
		check = 0xffff // zero means no checksum
	}
	binary.BigEndian.PutUint16(b[header+6:], check)
	return append(b, data...)
}

// sum returns the sum of 16-bit words of RFC 1071.
func sum(start uint32, b []byte) uint32 {
	total := uint64(start)
	for ; len(b) >= 2; b = b[2:] {
		total += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		total += uint64(b[0]) << 8
	}
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return uint32(total)
}

func fold(total uint32) uint16 {
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}

// family returns local as an address of the family of remote. If it is of the other
// family, as the unspecified address of a dual-stack socket may be, the result is
// the unspecified address.
func family(local, remote netip.AddrPort) netip.AddrPort {
	addr := local.Addr().Unmap().WithZone("")
	switch {
	case remote.Addr().Is4() && !addr.Is4():
		addr = netip.IPv4Unspecified()
	case remote.Addr().Is6() && !addr.Is6():
		addr = netip.IPv6Unspecified()
	}
	return netip.AddrPortFrom(addr, local.Port())
}

// parseIP parses the UDP datagram in an IP packet. ok is false for fragments, other
// protocols and truncated packets. A truncated datagram with complete headers still
// yields from and to.
func parseIP(b []byte) (from, to netip.AddrPort, data []byte, ok bool) {
	if len(b) == 0 {
		return from, to, nil, false
	}
	var source, target netip.Addr
	switch b[0] >> 4 {
	case 4:
		n := int(b[0]&15) * 4
		if n < ipv4Size || len(b) < n || b[9] != udpProtocol || binary.BigEndian.Uint16(b[6:])&0x3fff != 0 {
			return from, to, nil, false
		}
		source, target = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
		b = b[n:]
	case 6:
		if len(b) < ipv6Size || b[6] != udpProtocol {
			return from, to, nil, false
		}
		source, target = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
		b = b[ipv6Size:]
	default:
		return from, to, nil, false
	}
	if len(b) < udpSize {
		return from, to, nil, false
	}
	from = netip.AddrPortFrom(source, binary.BigEndian.Uint16(b))
	to = netip.AddrPortFrom(target, binary.BigEndian.Uint16(b[2:]))
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n < udpSize || n > len(b) {
		return from, to, nil, false
	}
	return from, to, b[udpSize:n], true
}
