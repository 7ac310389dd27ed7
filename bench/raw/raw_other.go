//go:build !linux

package raw

import (
	"context"
	"fmt"

	"github.com/intentra/intentra/bench/contender"
)

// Serve fails: GSO, GRO and recvmmsg are Linux's.
func (c Contender) Serve(context.Context, contender.Setup, *contender.Sink) (contender.Server, error) {
	return nil, fmt.Errorf("%s: GSO, GRO and recvmmsg: %w", c.Name(), contender.ErrUnsupported)
}

// Dial fails like Serve.
func (c Contender) Dial(context.Context, contender.Setup, contender.Target,
	func(contender.Client, []byte)) (contender.Client, error) {
	return nil, fmt.Errorf("%s: GSO: %w", c.Name(), contender.ErrUnsupported)
}
