package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"
)

// usageError reports wrong input, which the user can correct.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// errInterrupted is returned when an interrupt arrives before anything is
// running that could be ended cleanly.
var errInterrupted = errors.New("interrupted")

// isBrokenPipe reports whether err means that the reader of our output has gone.
// That is not a failure: `intentra sub ... | head` ends like this.
func isBrokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
