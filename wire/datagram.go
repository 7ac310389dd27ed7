package wire

import "net/netip"

// Datagram is bytes with the address that they came from or go to. Who owns
// Data, and until when, is said where Datagrams change hands.
type Datagram struct {
	Data []byte
	// Addr is the remote address. It is never an IPv4-mapped IPv6 address.
	Addr netip.AddrPort
	// Local is the address of this host that the datagram was sent to, or is
	// to be sent from. The zero Addr leaves it to the system; it is also what
	// a socket reports that is bound to a single address. It has no zone.
	Local netip.Addr
}
