//go:build !linux && !darwin

package udp

import (
	"errors"
	"net/netip"
)

// sourceRoom is how many bytes of control messages portable reads.
const sourceRoom = 0

// enableSource fails: local addresses are not known on this system, which
// always chooses the source address itself.
func enableSource(uintptr, bool) error { return errors.ErrUnsupported }

func parseSource([]byte) netip.Addr { return netip.Addr{} }

type source struct{}

func (*source) message(netip.Addr, bool) []byte { return nil }
