// Package clidoc turns the grammar of a command line into manual pages and into
// scripts that complete command lines in bash, zsh and fish.
package clidoc

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Program describes a command line.
type Program struct {
	Name, Summary, Detail string
	// Flags are those that every command has.
	Flags []Flag
	// Commands has every command, each followed by its own.
	Commands []Command
}

// Command describes a command, or a command of a command.
type Command struct {
	// Path has the names of the command: "bench", "envelope".
	Path            []string
	Summary, Detail string
	Flags           []Flag
	Args            []Arg
	// Leaf is false for a command that only groups others.
	Leaf bool
}

// Name returns the names of the command with spaces in between.
func (c Command) Name() string { return strings.Join(c.Path, " ") }

// Flag describes a flag.
type Flag struct {
	Name, Placeholder, Help string
	// Bool is true for a flag without a value.
	Bool, Required bool
	// Values are all values that the flag may have, or nil if they are not listed.
	Values   []string
	Complete Completion
}

// Arg describes a positional argument.
type Arg struct {
	Name, Help string
	Optional   bool
	Values     []string
	Complete   Completion
}

// Completion is what a shell offers for a value.
type Completion uint8

const (
	// Nothing is offered, except Values.
	Nothing Completion = iota
	// Files are offered.
	Files
	// Folders are offered.
	Folders
)

// Describe returns the description of app. complete decides what shells offer for a
// value.
func Describe(app *kong.Application, complete func(*kong.Value) Completion) Program {
	p := Program{Name: app.Name, Summary: app.Help, Detail: app.Detail, Flags: flags(app.Node, complete)}
	p.add(app.Node, nil, complete)
	return p
}

func (p *Program) add(n *kong.Node, path []string, complete func(*kong.Value) Completion) {
	for _, child := range n.Children {
		if child.Hidden {
			continue
		}
		c := Command{
			Path: append(path[:len(path):len(path)], child.Name), Summary: child.Help, Detail: child.Detail,
			Flags: flags(child, complete), Leaf: child.Leaf(),
		}
		for _, arg := range child.Positional {
			c.Args = append(c.Args, Arg{
				Name: arg.Name, Help: arg.Help, Optional: !arg.Required, Values: values(arg), Complete: complete(arg),
			})
		}
		p.Commands = append(p.Commands, c)
		p.add(child, c.Path, complete)
	}
}

func flags(n *kong.Node, complete func(*kong.Value) Completion) (list []Flag) {
	for _, f := range n.Flags {
		if f.Hidden {
			continue
		}
		flag := Flag{Name: f.Name, Help: f.Help, Bool: f.IsBool(), Required: f.Required, Values: values(f.Value)}
		if !flag.Bool {
			flag.Placeholder, flag.Complete = f.FormatPlaceHolder(), complete(f.Value)
		}
		list = append(list, flag)
	}
	return list
}

func values(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return v.EnumSlice()
}

// children returns the commands directly below path.
func (p Program) children(path []string) (list []Command) {
	for _, c := range p.Commands {
		if slices.Equal(c.Path[:len(c.Path)-1], path) {
			list = append(list, c)
		}
	}
	return list
}

// names returns the names of commands, without the commands above them.
func names(list []Command) (all []string) {
	for _, c := range list {
		all = append(all, c.Path[len(c.Path)-1])
	}
	return all
}

// allFlags returns the flags of a command and those that all have.
func (p Program) allFlags(c Command) []Flag {
	all := c.Flags[:len(c.Flags):len(c.Flags)]
	for _, f := range p.Flags {
		if !slices.ContainsFunc(c.Flags, func(own Flag) bool { return own.Name == f.Name }) {
			all = append(all, f)
		}
	}
	return all
}

// brief returns the first sentence of a help text, without its period.
func brief(help string) string {
	if at := strings.Index(help, ". "); at >= 0 {
		help = help[:at]
	}
	return strings.TrimSuffix(strings.Join(strings.Fields(help), " "), ".")
}
