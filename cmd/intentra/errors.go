package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"
)

// usageError is wrong input: the user can mend it by giving other input.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// errInterrupted: an interrupt came before there was anything to end cleanly.
var errInterrupted = errors.New("interrupted")

// isBrokenPipe reports whether err says that nobody reads our output any more,
// which is no failure: `intentra sub ... | head` ends like this.
func isBrokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
