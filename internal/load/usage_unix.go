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

// ContextSwitches returns how often the threads of this process have waited or were
// preempted.
func ContextSwitches() (uint64, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, os.NewSyscallError("getrusage", err)
	}
	return switches(&u), nil
}

// ContextSwitchesOf is ContextSwitches of a process that has ended.
func ContextSwitchesOf(s *os.ProcessState) uint64 {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		return switches(u)
	}
	return 0
}

func switches(u *syscall.Rusage) uint64 { return uint64(u.Nvcsw) + uint64(u.Nivcsw) }
