//go:build !unix

package load

import "time"

// CPUTime returns the user and system time that this process has used.
func CPUTime() (time.Duration, error) {
	values, err := processMetrics()
	return time.Duration(values["process_cpu_seconds_total"] * float64(time.Second)), err
}
