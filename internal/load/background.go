package load

import (
	"os/exec"
	"strings"
)

// backgrounds are commands that run another one so that it gets only the time
// that nobody else asks for, or, second best, little of it.
var backgrounds = [][]string{{"chrt", "-i", "0"}, {"nice", "-n", "19"}}

// inBackground returns the command line behind the first of backgrounds that
// works here, and that one in words, or command itself.
//
// It is for attackers. Elsewhere they would have processors of their own; here
// what they compute is not to be what the honest wait for.
func inBackground(command []string) (line []string, how string) {
	for _, b := range backgrounds {
		try := append(append([]string{}, b...), "true")
		if exec.Command(try[0], try[1:]...).Run() == nil {
			return append(append([]string{}, b...), command...), strings.Join(b, " ")
		}
	}
	return command, "nothing"
}
