package clidoc

import (
	"fmt"
	"strings"
)

// Page is a manual page of section 1.
type Page struct {
	// Name is that of the file without ".1", such as "intentra-hub".
	Name string
	// Text is for man(7) macros.
	Text string
}

// Man returns the manual pages of the program and of each of its commands.
func (p Program) Man(version string) []Page {
	pages := []Page{{p.Name, p.mainPage(version)}}
	for _, c := range p.Commands {
		pages = append(pages, Page{p.Name + "-" + strings.Join(c.Path, "-"), p.commandPage(c, version)})
	}
	return pages
}

func (p Program) mainPage(version string) string {
	var b strings.Builder
	p.heading(&b, p.Name, brief(p.Summary), version)
	fmt.Fprintf(&b, ".B %s\n.I COMMAND\n.RI [ FLAG ...]\n", escape(p.Name))
	b.WriteString(".SH DESCRIPTION\n")
	prose(&b, p.Summary)
	prose(&b, p.Detail)
	b.WriteString(".SH COMMANDS\n")
	for _, c := range p.children(nil) {
		fmt.Fprintf(&b, ".TP\n.BR %s (1)\n%s\n", escape(p.Name+"-"+c.Name()), line(c.Summary))
	}
	p.flagList(&b, "OPTIONS", p.Flags)
	return b.String()
}

func (p Program) commandPage(c Command, version string) string {
	var b strings.Builder
	p.heading(&b, p.Name+"-"+strings.Join(c.Path, "-"), brief(c.Summary), version)
	fmt.Fprintf(&b, ".B %s %s\n", escape(p.Name), escape(c.Name()))
	for _, f := range c.Flags {
		if f.Required {
			fmt.Fprintf(&b, ".BI \\-\\-%s= %s\n", escape(f.Name), escape(argument(f)))
		}
	}
	if !c.Leaf {
		b.WriteString(".I COMMAND\n")
	}
	b.WriteString(".RI [ FLAG ...]\n")
	for _, a := range c.Args {
		if a.Optional {
			fmt.Fprintf(&b, ".RI [ %s ]\n", escape(strings.ToUpper(a.Name)))
		} else {
			fmt.Fprintf(&b, ".I %s\n", escape(strings.ToUpper(a.Name)))
		}
	}
	b.WriteString(".SH DESCRIPTION\n")
	prose(&b, c.Summary)
	prose(&b, c.Detail)
	if children := p.children(c.Path); len(children) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, child := range children {
			fmt.Fprintf(&b, ".TP\n.BR %s (1)\n%s\n", escape(p.Name+"-"+strings.Join(child.Path, "-")), line(child.Summary))
		}
	}
	if len(c.Args) > 0 {
		b.WriteString(".SH ARGUMENTS\n")
		for _, a := range c.Args {
			fmt.Fprintf(&b, ".TP\n.I %s\n%s\n", escape(strings.ToUpper(a.Name)), line(a.Help))
		}
	}
	p.flagList(&b, "OPTIONS", p.allFlags(c))
	above := p.Name
	if n := len(c.Path) - 1; n > 0 {
		above += "-" + strings.Join(c.Path[:n], "-")
	}
	fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", escape(above))
	return b.String()
}

func (p Program) heading(b *strings.Builder, name, summary, version string) {
	fmt.Fprintf(b, ".TH %s 1 \"\" \"%s %s\"\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n",
		escape(strings.ToUpper(name)), escape(p.Name), escape(version), escape(name), line(summary))
}

func (p Program) flagList(b *strings.Builder, title string, flags []Flag) {
	fmt.Fprintf(b, ".SH %s\n", title)
	for _, f := range flags {
		if f.Bool {
			fmt.Fprintf(b, ".TP\n.B \\-\\-%s\n%s\n", escape(f.Name), line(f.Help))
		} else {
			fmt.Fprintf(b, ".TP\n.BI \\-\\-%s= %s\n%s\n", escape(f.Name), escape(argument(f)), line(f.Help))
		}
	}
}

// argument is the placeholder of a flag without spaces, which would end an argument of a macro.
func argument(f Flag) string { return strings.ReplaceAll(f.Placeholder, " ", `\ `) }

// prose writes paragraphs. Blocks of lines that begin with spaces are kept as they are.
func prose(b *strings.Builder, text string) {
	for block := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		switch {
		case strings.TrimSpace(block) == "":
		case strings.HasPrefix(block, " "):
			b.WriteString(".PP\n.nf\n")
			for l := range strings.SplitSeq(block, "\n") {
				b.WriteString(protect(escape(l)) + "\n")
			}
			b.WriteString(".fi\n")
		default:
			b.WriteString(".PP\n" + line(block) + "\n")
		}
	}
}

// line returns text as one line that is not a request.
func line(text string) string { return protect(escape(strings.Join(strings.Fields(text), " "))) }

// escape has roff print a text as it is.
func escape(s string) string {
	return strings.NewReplacer(`\ `, `\ `, `\`, `\e`, "-", `\-`).Replace(s)
}

// protect keeps a line from being a request, which begins with a dot or an apostrophe.
func protect(s string) string {
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}
