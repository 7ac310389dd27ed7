//go:build unix

package load

import (
	"os"
	"syscall"
	"time"
)

// CPUTime returns the user and system time that this process has used. The
// collector of processMetrics would count it in steps of 10 ms.
func CPUTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, os.NewSyscallError("getrusage", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
