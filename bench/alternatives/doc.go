// Package alternatives holds the transports that a program might use instead of
// intentra: quic-go, pion/dtls, and a plain net.UDPConn.
package alternatives
