//go:build !linux

package raw

import (
	"context"
	"fmt"

	"github.com/intentra/intentra/bench/contender"
)

// Serve returns ErrUnsupported: GSO, GRO and recvmmsg need Linux.
func (c Contender) Serve(context.Context, contender.Setup, *contender.Sink) (contender.Server, error) {
	return nil, fmt.Errorf("%s: GSO, GRO and recvmmsg: %w", c.Name(), contender.ErrUnsupported)
}

// Dial returns ErrUnsupported, as Serve does.
func (c Contender) Dial(context.Context, contender.Setup, contender.Target,
	func(contender.Client, []byte)) (contender.Client, error) {
	return nil, fmt.Errorf("%s: GSO: %w", c.Name(), contender.ErrUnsupported)
}
