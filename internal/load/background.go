package load

import (
	"os/exec"
	"strings"
)

// backgrounds are commands that run another command at low priority: only when
// the CPU would be idle, or as second best with little CPU time.
var backgrounds = [][]string{{"chrt", "-i", "0"}, {"nice", "-n", "19"}}

// inBackground returns a command line that runs command at low priority, by the
// first of backgrounds that works here, and a description of how. If none works,
// it returns command and "nothing".
//
// Attackers run like this. In reality they have processors of their own; here,
// their computations must not delay honest peers.
func inBackground(command []string) (line []string, how string) {
	for _, b := range backgrounds {
		try := append(append([]string{}, b...), "true")
		if exec.Command(try[0], try[1:]...).Run() == nil {
			return append(append([]string{}, b...), command...), strings.Join(b, " ")
		}
	}
	return command, "nothing"
}
