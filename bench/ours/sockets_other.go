//go:build !linux

package ours

import (
	"context"
	"fmt"

	"github.com/intentra/intentra/bench/contender"
)

func dialSockets(context.Context, contender.Setup, contender.Target,
	func(contender.Client, []byte)) (contender.Client, error) {
	return nil, fmt.Errorf("intentra-nogso: one loop over many sockets: %w", contender.ErrUnsupported)
}
