//go:build !unix

package load

import (
	"os"
	"time"
)

// CPUTime returns the user and system time that this process has used.
func CPUTime() (time.Duration, error) {
	values, err := processMetrics()
	return time.Duration(values["process_cpu_seconds_total"] * float64(time.Second)), err
}

// ContextSwitches returns zero, because they are not counted here.
func ContextSwitches() (uint64, error) { return 0, nil }

// ContextSwitchesOf returns zero, because they are not counted here.
func ContextSwitchesOf(*os.ProcessState) uint64 { return 0 }
