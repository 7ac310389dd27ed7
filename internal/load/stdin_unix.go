//go:build unix

package load

import (
	"os"
	"syscall"
)

// Stdin returns standard input for Serve, as a file that the poller knows; once,
// and os.Stdin must not be read beside it. os.Stdin has a
// thread wait in a system call between commands, and a collection of garbage
// that begins just then has been seen to wait for it (Go 1.26.8).
func Stdin() *os.File {
	if syscall.SetNonblock(0, true) != nil {
		return os.Stdin
	}
	return os.NewFile(0, "stdin")
}
