package raw

import "github.com/intentra/intentra/bench/contender"

// Contender is "raw", or "raw-nogso" with Sockets.
type Contender struct {
	// Sockets gives each connection a socket of its own.
	Sockets bool
}

// Name returns the name of the variant.
func (c Contender) Name() string {
	if c.Sockets {
		return "raw-nogso"
	}
	return "raw"
}

// Note describes the variant.
func (c Contender) Note() string {
	if c.Sockets {
		return "the same receiver; a socket for each connection, one datagram a call"
	}
	return "hand-written loop, no library: GSO send, recvmmsg with GRO, AES-256-GCM"
}

// Raised returns nothing: there are no limits.
func (Contender) Raised(contender.Setup) []string { return nil }
