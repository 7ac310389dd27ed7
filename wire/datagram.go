package wire

import "net/netip"

// Datagram is a UDP payload and its addresses. Functions that take or return a
// Datagram state who owns Data, and until when.
type Datagram struct {
	Data []byte
	// Addr is the remote address. It is never an IPv4-mapped IPv6 address.
	Addr netip.AddrPort
	// Local is the local address at which the datagram was received, or from
	// which it is sent. If it is the zero Addr, the system chooses the source
	// address. Sockets bound to a single address report the zero Addr. Local
	// has no zone.
	Local netip.Addr
	// Fragment lets IP fragment the datagram when it is sent, because it holds a
	// message that the path does not carry otherwise.
	Fragment bool
}
