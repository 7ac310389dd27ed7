//go:build unix

package trial

import (
	"os"
	"syscall"
)

// stdin returns standard input in non-blocking mode. With os.Stdin a thread
// would block in read between commands, and a garbage collection that started
// at that moment has been seen to wait for it (Go 1.26.8).
func stdin() *os.File {
	if syscall.SetNonblock(0, true) != nil {
		return os.Stdin
	}
	return os.NewFile(0, "stdin")
}
