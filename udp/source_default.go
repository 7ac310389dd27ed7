//go:build !linux && !darwin

package udp

import (
	"errors"
	"net/netip"
)

// sourceRoom is the size in bytes of portable's buffer for control messages.
const sourceRoom = 0

// enableSource fails: this system does not report local addresses, and always chooses
// the source address itself.
func enableSource(uintptr, bool) error { return errors.ErrUnsupported }

func parseSource([]byte) netip.Addr { return netip.Addr{} }

type source struct{}

func (*source) message(netip.Addr, bool) []byte { return nil }
