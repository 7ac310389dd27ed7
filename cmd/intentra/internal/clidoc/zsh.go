package clidoc

import (
	"fmt"
	"strings"
)

// Zsh returns a completion script for zsh, as the file _NAME of a folder in fpath.
func (p Program) Zsh() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %s\n", p.Name)
	p.zshFunction(&b, "_"+p.Name, nil, p.Flags, nil)
	for _, c := range p.Commands {
		p.zshFunction(&b, p.zshName(c.Path), c.Path, p.allFlags(c), c.Args)
	}
	// The file is either autoloaded as the function, or read by a startup file.
	fmt.Fprintf(&b, `
if [[ $funcstack[1] == _%[1]s ]]; then
	_%[1]s "$@"
else
	compdef _%[1]s %[1]s
fi
`, p.Name)
	return b.String()
}

func (p Program) zshName(path []string) string { return "_" + p.Name + "_" + strings.Join(path, "_") }

// zshFunction writes the function that completes what follows path.
func (p Program) zshFunction(b *strings.Builder, name string, path []string, flags []Flag, args []Arg) {
	fmt.Fprintf(b, "\n%s() {\n", name)
	children := p.children(path)
	if len(children) > 0 {
		b.WriteString("\tlocal curcontext=$curcontext state line\n\tlocal -a commands=(\n")
		for _, c := range children {
			fmt.Fprintf(b, "\t\t%s\n", quote(c.Path[len(c.Path)-1]+":"+strings.ReplaceAll(brief(c.Summary), ":", `\:`)))
		}
		b.WriteString("\t)\n")
	}
	b.WriteString("\t_arguments -C")
	for _, f := range flags {
		fmt.Fprintf(b, " \\\n\t\t%s", quote(zshFlag(f)))
	}
	for _, a := range args {
		optional := ":"
		if a.Optional {
			optional = "::"
		}
		fmt.Fprintf(b, " \\\n\t\t%s", quote(optional+zshText(a.Name)+":"+zshValues(a.Values, a.Complete)))
	}
	if len(children) == 0 {
		b.WriteString("\n}\n")
		return
	}
	b.WriteString(" \\\n\t\t'1:command:->command' '*::argument:->rest'\n\tcase $state in\n\tcommand) _describe command commands ;;\n\trest)\n\t\tcase $line[1] in\n")
	for _, c := range children {
		fmt.Fprintf(b, "\t\t%s) %s ;;\n", c.Path[len(c.Path)-1], p.zshName(c.Path))
	}
	b.WriteString("\t\tesac\n\t\t;;\n\tesac\n}\n")
}

// zshFlag returns the specification of a flag for _arguments.
func zshFlag(f Flag) string {
	text := "[" + zshText(brief(f.Help)) + "]"
	if f.Bool {
		return "--" + f.Name + text
	}
	return "--" + f.Name + "=" + text + ":" + zshText(f.Placeholder) + ":" + zshValues(f.Values, f.Complete)
}

func zshText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(s)
}

func zshValues(values []string, complete Completion) string {
	switch {
	case len(values) > 0:
		return "(" + strings.Join(values, " ") + ")"
	case complete == Files:
		return "_files"
	case complete == Folders:
		return "_files -/"
	}
	return " "
}
