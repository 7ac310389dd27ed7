package intentra

import (
	"context"
	"net/netip"
)

// Handshake describes a handshake that another side has dialled, to
// [Config].Authorize. It is a struct, so that a later version can add to it
// without a change to the functions of programs.
type Handshake struct {
	// Key is the public key of the dialer, which has proved possession of the private
	// one.
	Key PublicKey
	// Addr is the address of the dialer, which has proved that it receives there. The
	// session may move to another address later, unless ForbidRoaming is set.
	Addr netip.AddrPort
}

// AllowAny allows every key. It is for [Config].Authorize, which is called only
// after the peer has proved possession of its private key.
func AllowAny(context.Context, Handshake) bool { return true }

// Authorize reports whether the key of the handshake is in the list. It is for
// [Config].Authorize.
func (l *AllowList) Authorize(_ context.Context, h Handshake) bool { return l.Allows(h.Key) }
