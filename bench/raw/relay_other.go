//go:build !linux

package raw

import (
	"context"
	"fmt"

	"github.com/intentra/intentra/bench/contender"
)

// Relay exists on Linux.
type Relay struct{}

// OpenRelay returns ErrUnsupported: GSO, GRO and recvmmsg need Linux.
func OpenRelay(context.Context, int, func(to int, payload []byte)) (*Relay, error) {
	return nil, fmt.Errorf("raw: GSO, GRO and recvmmsg: %w", contender.ErrUnsupported)
}

// Send returns ErrUnsupported.
func (*Relay) Send(int, []byte) error { return contender.ErrUnsupported }

// Close does nothing.
func (*Relay) Close() error { return nil }
