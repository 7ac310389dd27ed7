package compare

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/intentra/intentra/bench/contender"
)

// Machine is where the figures come from.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	// BufferAsked is what every contender asks for, each way, and ReadBuffer
	// and WriteBuffer what the kernel gives a socket that asks; zero where it
	// does not tell.
	BufferAsked int `json:"buffer_asked"`
	ReadBuffer  int `json:"read_buffer"`
	WriteBuffer int `json:"write_buffer"`
	// Versions are those of the contenders' modules.
	Versions map[string]string `json:"versions"`
}

// ThisMachine looks.
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

// String returns the machine in a line.
func (m Machine) String() string {
	s := fmt.Sprintf("%s, %d cores, %s, %s; socket buffers asked %s, granted %s read, %s write",
		m.CPU, m.Cores, m.Kernel, m.Go, mebibytes(m.BufferAsked), mebibytes(m.ReadBuffer), mebibytes(m.WriteBuffer))
	names := make([]string, 0, len(m.Versions))
	for path, version := range m.Versions {
		names = append(names, path+" "+version)
	}
	slices.Sort(names)
	if len(names) > 0 {
		s += "; " + strings.Join(names, ", ")
	}
	return s
}

func mebibytes(n int) string {
	if n == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.3g MiB", float64(n)/(1<<20))
}

// cpuModel reads what Linux tells, and else names the architecture.
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
