package clidoc

import (
	"fmt"
	"strings"
)

// Fish returns a completion script for fish 3 or later.
func (p Program) Fish() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# fish completion for %[1]s
complete -c %[1]s -f

# The commands on the line so far, without flags and their values.
function __%[1]s_command
	set -l words (commandline -opc)
	set -l path
	for word in $words[2..]
		if contains -- "$path $word" %[2]s
			set path (string trim -- "$path $word")
		end
	end
	test "$path" = "$argv"
end

`, p.Name, p.fishPaths())
	for _, f := range p.Flags {
		p.fishFlag(&b, "", f)
	}
	for _, c := range p.Commands {
		above := strings.Join(c.Path[:len(c.Path)-1], " ")
		fmt.Fprintf(&b, "complete -c %s -n %s -a %s -d %s\n", p.Name, p.fishWhen(above), c.Path[len(c.Path)-1], fishQuote(brief(c.Summary)))
	}
	for _, c := range p.Commands {
		for _, f := range c.Flags {
			p.fishFlag(&b, p.fishWhen(c.Name()), f)
		}
		for _, a := range c.Args {
			fmt.Fprintf(&b, "complete -c %s -n %s%s\n", p.Name, p.fishWhen(c.Name()), fishValues(a.Values, a.Complete, " -F"))
		}
	}
	return b.String()
}

// fishPaths lists what the loop of the function compares with: the path so far, a
// space, and a word.
func (p Program) fishPaths() string {
	var all []string
	for _, c := range p.Commands {
		above := strings.Join(c.Path[:len(c.Path)-1], " ")
		all = append(all, fishQuote(above+" "+c.Path[len(c.Path)-1]))
	}
	return strings.Join(all, " ")
}

func (p Program) fishWhen(path string) string {
	return fishQuote(strings.TrimSpace("__" + p.Name + "_command " + path))
}

func (p Program) fishFlag(b *strings.Builder, when string, f Flag) {
	fmt.Fprintf(b, "complete -c %s", p.Name)
	if when != "" {
		fmt.Fprintf(b, " -n %s", when)
	}
	fmt.Fprintf(b, " -l %s", f.Name)
	if !f.Bool {
		b.WriteString(fishValues(f.Values, f.Complete, " -r -F"))
	}
	fmt.Fprintf(b, " -d %s\n", fishQuote(brief(f.Help)))
}

// fishValues returns the options for the values of a flag or argument.
func fishValues(values []string, complete Completion, files string) string {
	switch {
	case len(values) > 0:
		return " -x -a " + fishQuote(strings.Join(values, " "))
	case complete == Files:
		return files
	case complete == Folders:
		return " -x -a '(__fish_complete_directories)'"
	}
	return " -x"
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
