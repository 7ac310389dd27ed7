package main

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// usage is what this process has taken of the machine. What the operating
// system does not tell is zero.
type usage struct {
	cpu                 float64 // seconds, user and system
	rss                 uint64  // bytes
	openFiles, maxFiles uint64
}

// readUsage asks the collector that serves the same figures as metrics, which
// knows the operating systems so that we need not.
func readUsage() (usage, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, err := registry.Gather()
	if err != nil {
		return usage{}, fmt.Errorf("read CPU time and memory: %w", err)
	}
	values := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		values[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return usage{
		cpu:       values["process_cpu_seconds_total"],
		rss:       uint64(values["process_resident_memory_bytes"]),
		openFiles: uint64(values["process_open_fds"]),
		maxFiles:  uint64(values["process_max_fds"]),
	}, nil
}

// spareFiles is what the process may need besides its sockets.
const spareFiles = 32

// checkFiles reports an error if the process may not open n more files.
func checkFiles(n int) error {
	u, err := readUsage()
	if err != nil || u.maxFiles == 0 {
		return nil // the sockets themselves will tell
	}
	if need := u.openFiles + uint64(n) + spareFiles; need > u.maxFiles {
		return fmt.Errorf("%d sockets need about %d open files, and this process may have %d: raise the limit with 'ulimit -n %d', or ask for fewer",
			n, need, u.maxFiles, need)
	}
	return nil
}
