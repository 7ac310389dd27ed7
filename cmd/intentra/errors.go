package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
)

// usageError reports wrong input, which the user can correct.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usage returns err as wrong input, unless the machine is the cause: a file that
// could not be opened because descriptors or memory ran out is not wrong input.
func usage(err error) error {
	if isShortage(err) {
		return err
	}
	return usageError{err}
}

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

// isShortage reports whether err means that the process or the machine has run out
// of descriptors, memory or disk space.
func isShortage(err error) bool {
	for _, shortage := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.ENOSPC, syscall.EDQUOT} {
		if errors.Is(err, shortage) {
			return true
		}
	}
	return false
}

// shortageHint says what to do about exhausted descriptors.
func shortageHint(err error) string {
	if errors.Is(err, syscall.EMFILE) {
		return "; raise the limit on the files of a process with 'ulimit -n'"
	}
	return ""
}

// newFileHint says what to do about a file that was to be created and exists.
func newFileHint(err error) string {
	if errors.Is(err, fs.ErrExist) {
		return "; give the name of a new file"
	}
	return ""
}

// errInterrupted is returned when an interrupt arrives before anything is
// running that could be ended cleanly.
var errInterrupted = errors.New("interrupted")

// isBrokenPipe reports whether err means that the reader of our output has gone.
// That is not a failure: `intentra sub ... | head` ends like this.
func isBrokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
