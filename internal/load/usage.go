package load

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Usage is what this process has taken of the machine. What the operating
// system does not tell is zero.
type Usage struct {
	CPU                 float64 // seconds, user and system
	RSS                 uint64  // bytes
	OpenFiles, MaxFiles uint64
}

// ReadUsage asks the collector that serves the same figures as metrics, which
// knows the operating systems so that we need not. On Linux CPU counts in steps
// of 10 ms.
func ReadUsage() (Usage, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, err := registry.Gather()
	if err != nil {
		return Usage{}, fmt.Errorf("read CPU time and memory: %w", err)
	}
	values := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		values[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return Usage{
		CPU:       values["process_cpu_seconds_total"],
		RSS:       uint64(values["process_resident_memory_bytes"]),
		OpenFiles: uint64(values["process_open_fds"]),
		MaxFiles:  uint64(values["process_max_fds"]),
	}, nil
}

// CPUTime returns the CPU time that this process has used, user and system.
func CPUTime() (time.Duration, error) {
	u, err := ReadUsage()
	return time.Duration(u.CPU * float64(time.Second)), err
}
