package tally

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/intentra/intentra/examples/internal/site"
)

// Run is a run of an example at a site, which ends with its report.
type Run func(site.Site) (*Report, error)

// Program defines the flags of an example. After they are parsed, the function that it
// returns checks them and returns the run. It draws on show, unless that is nil.
type Program func(*flag.FlagSet) func(show io.Writer) (Run, error)

// Main runs an example on this machine with the program's arguments, and exits with code
// 1 if it fails or a requirement is not met.
func Main(name string, p Program) {
	if err := p.Execute(name, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// Execute runs an example on this machine. It draws on out or, with --check, prints the
// report there. Requirements that are not met are errors either way.
func (p Program) Execute(name string, args []string, out io.Writer) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	check := flags.Bool("check", false, "print a table and judge it, instead of a picture")
	prepare := p(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	show := out
	if *check {
		show = nil
	}
	run, err := prepare(show)
	if err != nil {
		return err
	}
	s, err := site.Open()
	if err != nil {
		return err
	}
	defer s.Close()
	report, err := run(s)
	if err != nil {
		return err
	}
	if *check {
		if err := report.Write(out); err != nil {
			return err
		}
	}
	return report.Err()
}
