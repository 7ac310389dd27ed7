package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// configCmd groups what concerns configuration files.
type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Check a configuration file without starting anything."`
}

func (c *configCmd) Help() string {
	return `hub, sub and pub take their flags from four places. The first that has a flag wins:

  1. the command line: --max-handshakes 64
  2. an environment variable: INTENTRA_HUB_MAX_HANDSHAKES=64
  3. the section of the command in the file that --config or INTENTRA_HUB_CONFIG
     names
  4. the default

A configuration file is TOML. Its sections are [hub], [sub] and [pub], its keys the names of flags, and its values strings, numbers,
true and false; a list of strings is the same as one string with commas.

  [hub]
  listen = "0.0.0.0:9000"
  key = "/etc/intentra/hub.key"
  access = "/etc/intentra/access.txt"
  max-handshakes = 64

A section or key that does not exist is an error, and so is a command without a section in the file. Relative names of files are
relative to the current directory.`
}

type configCheckCmd struct {
	File fileName `arg:"" help:"The configuration file."`
}

func (c *configCheckCmd) Help() string {
	return `Reads each section as its command would, with the environment variables of that command, and also the key and the list of
peers that it names. Prints a line for each section that is right, and ends with exit code 2 if one is not. Addresses are not looked
up, and nothing is opened for writing.`
}

// Run checks every section, so that one run reports all errors.
func (c *configCheckCmd) Run(e *environment, l *commandLine) error {
	sections, err := readConfig(string(c.File), l.parser.Model.Node)
	if err != nil {
		return usage(err)
	}
	if len(sections) == 0 {
		return usagef("configuration file %s: it has no section", c.File)
	}
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		var problem error
		if problem = checkSection(e, name, c.File); problem == nil {
			if _, problem = fmt.Fprintf(e.stdout, "%s: [%s] ok\n", c.File, name); problem != nil {
				return problem
			}
			continue
		}
		err = errors.Join(err, fmt.Errorf("[%s]: %w", name, problem))
	}
	if err != nil {
		return usage(err)
	}
	return nil
}

// checkSection parses a command line that takes everything from the file, and does what
// the command does before it starts anything.
func checkSection(e *environment, name string, file fileName) error {
	l := newCommandLine(e)
	parsed, err := l.parser.Parse([]string{name, "--" + configFlagName + "=" + string(file)})
	switch {
	case l.from.err != nil:
		return l.from.err
	case err != nil:
		return errors.New(l.from.explain(parseMessage(err)))
	case len(l.from.unknown) > 0:
		return fmt.Errorf("the environment variable %s names no flag", l.from.unknown[0])
	}
	switch command := parsed.Selected().Target.Addr().Interface().(type) {
	case *hubCmd:
		_, _, _, err = command.prepare(e)
	case *subCmd:
		_, _, err = command.prepare(e)
	case *pubCmd:
		_, err = command.prepare(e)
	default:
		err = fmt.Errorf("section [%s] cannot be checked", name)
	}
	return err
}
