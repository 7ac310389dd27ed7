package compare

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/intentra/intentra/bench/contender"
)

// Machine describes where the figures were measured.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	// BufferAsked is how many bytes of socket buffer every contender asks for,
	// each way. ReadBuffer and WriteBuffer are what the kernel grants, zero
	// where it does not report that.
	BufferAsked int `json:"buffer_asked"`
	ReadBuffer  int `json:"read_buffer"`
	WriteBuffer int `json:"write_buffer"`
	// Versions has the versions of the contenders' modules.
	Versions map[string]string `json:"versions"`
}

// ThisMachine returns the machine that this process runs on, with the versions of
// the given modules.
func ThisMachine(buffer int, modules []string) Machine {
	m := Machine{
		CPU: cpuModel(), Cores: runtime.NumCPU(), Kernel: kernel(), Go: runtime.Version(),
		BufferAsked: buffer, Versions: make(map[string]string),
	}
	if c, err := contender.ListenUDP(buffer); err == nil {
		m.ReadBuffer, m.WriteBuffer = contender.GrantedBuffers(c)
		_ = c.Close()
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if slices.Contains(modules, d.Path) {
				m.Versions[d.Path] = d.Version
			}
		}
	}
	return m
}

// facts describes the machine.
func (m Machine) facts() []string {
	facts := []string{
		m.CPU, fmt.Sprintf("%d cores", m.Cores), m.Kernel, m.Go,
		fmt.Sprintf("socket buffers of %s asked for", mebibytes(m.BufferAsked)),
		fmt.Sprintf("%s read and %s write granted", mebibytes(m.ReadBuffer), mebibytes(m.WriteBuffer)),
	}
	for _, path := range slices.Sorted(maps.Keys(m.Versions)) {
		facts = append(facts, path+" "+m.Versions[path])
	}
	return facts
}

func mebibytes(n int) string {
	if n == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.3g MiB", float64(n)/(1<<20))
}

// cpuModel returns the model that Linux reports, or else the architecture.
func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return "Linux " + strings.TrimSpace(string(b))
}
