package clidoc

import (
	"fmt"
	"strings"
)

// Bash returns a completion script for bash 4 or later. It needs no other package.
func (p Program) Bash() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# bash completion for %[1]s
_%[1]s() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command= word i
	# bash makes a word of the = in --flag=value.
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case "$command $word" in
`, p.Name)
	for _, c := range p.Commands {
		above := strings.Join(c.Path[:len(c.Path)-1], " ")
		fmt.Fprintf(&b, "\t\t%s) command=%s ;;\n", quote(above+" "+c.Path[len(c.Path)-1]), quote(c.Name()))
	}
	b.WriteString("\t\tesac\n\tdone\n\tcase \"$command $prev\" in\n")
	for _, c := range p.Commands {
		for _, f := range p.allFlags(c) {
			if f.Bool {
				continue
			}
			fmt.Fprintf(&b, "\t%s) %s return ;;\n", quote(c.Name()+" --"+f.Name), bashValues(f.Values, f.Complete))
		}
	}
	b.WriteString("\tesac\n\tcase \"$command\" in\n")
	p.bashWords(&b, "", names(p.children(nil)), p.Flags, nil)
	for _, c := range p.Commands {
		p.bashWords(&b, c.Name(), names(p.children(c.Path)), p.allFlags(c), c.Args)
	}
	fmt.Fprintf(&b, "\tesac\n}\ncomplete -F _%[1]s %[1]s\n", p.Name)
	return b.String()
}

// bashWords writes the case for the words that may follow a command.
func (p Program) bashWords(b *strings.Builder, name string, commands []string, flags []Flag, args []Arg) {
	var long []string
	for _, f := range flags {
		long = append(long, "--"+f.Name)
	}
	fmt.Fprintf(b, "\t%s)\n\t\tif [[ $cur == -* ]]; then\n\t\t\tCOMPREPLY=($(compgen -W %s -- \"$cur\"))\n", quote(name), quote(strings.Join(long, " ")))
	switch {
	case len(commands) > 0:
		fmt.Fprintf(b, "\t\telse\n\t\t\tCOMPREPLY=($(compgen -W %s -- \"$cur\"))\n", quote(strings.Join(commands, " ")))
	case len(args) > 0:
		fmt.Fprintf(b, "\t\telse\n\t\t\t%s\n", bashValues(args[0].Values, args[0].Complete))
	}
	b.WriteString("\t\tfi\n\t\t;;\n")
}

func bashValues(values []string, complete Completion) string {
	switch {
	case len(values) > 0:
		return fmt.Sprintf(`COMPREPLY=($(compgen -W %s -- "$cur"));`, quote(strings.Join(values, " ")))
	case complete == Files:
		return `compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"));`
	case complete == Folders:
		return `compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur"));`
	}
	return "COMPREPLY=();"
}

// quote returns a word of a shell that is s.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
