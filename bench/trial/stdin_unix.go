//go:build unix

package trial

import (
	"os"
	"syscall"
)

// stdin returns standard input as a file that the poller knows. os.Stdin has a
// thread wait in a system call between commands, and a collection of garbage
// that begins just then has been seen to wait for it (Go 1.26.8).
func stdin() *os.File {
	if syscall.SetNonblock(0, true) != nil {
		return os.Stdin
	}
	return os.NewFile(0, "stdin")
}
