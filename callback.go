package intentra

import (
	"fmt"

	"github.com/intentra/intentra/internal/callback"
)

// waits returns an [ErrInCallback] for a call that waits, if it is made in a callback.
func waits(call string) error {
	if callback.Inside() {
		return fmt.Errorf("%w: %s", ErrInCallback, call)
	}
	return nil
}
