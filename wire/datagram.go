package wire

import "net/netip"

// Datagram is bytes with the address that they came from or go to. Who owns
// Data, and until when, is said where Datagrams change hands.
type Datagram struct {
	Data []byte
	// Addr holds no IPv4-mapped IPv6 address.
	Addr netip.AddrPort
}
