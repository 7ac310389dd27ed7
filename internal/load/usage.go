package load

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Usage is what this process uses of the machine. A figure that the operating
// system does not report is zero.
type Usage struct {
	CPU                 time.Duration // user and system time so far
	RSS                 uint64        // resident memory in bytes
	OpenFiles, MaxFiles uint64
}

// ReadUsage returns the usage at present.
func ReadUsage() (Usage, error) {
	values, err := processMetrics()
	if err != nil {
		return Usage{}, err
	}
	cpu, err := CPUTime()
	return Usage{
		CPU:       cpu,
		RSS:       uint64(values["process_resident_memory_bytes"]),
		OpenFiles: uint64(values["process_open_fds"]),
		MaxFiles:  uint64(values["process_max_fds"]),
	}, err
}

// processMetrics returns the metrics of this process by name, from the
// Prometheus collector that knows the operating systems.
func processMetrics() (map[string]float64, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, err := registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("read the process's usage: %w", err)
	}
	values := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		values[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return values, nil
}
