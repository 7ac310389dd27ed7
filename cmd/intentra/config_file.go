package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// configFlag is embedded in the commands whose flags may also come from a file or from
// environment variables.
type configFlag struct {
	Config fileName `placeholder:"FILE" help:"Take flags from the section of this command in a TOML file. Environment variables override the file, and flags override both: see 'intentra config --help'."`
}

// configFlagName is the name of the flag of configFlag. A file cannot set it.
const configFlagName = "config"

// settings supplies values of flags that are not on the command line: from an
// environment variable, or else from a configuration file. It implements
// [kong.Resolver].
type settings struct {
	environ func() []string
	// file is the file that was read last, and values has its values by section and
	// flag.
	file   fileName
	values map[string]map[string]string
	// source says where the value of each flag came from, for errors.
	source map[string]string
	// unknown are the environment variables of a command that name none of its flags.
	unknown []string
	err     error
}

func newSettings() *settings {
	s := &settings{environ: os.Environ}
	s.reset()
	return s
}

// reset forgets the command line before.
func (s *settings) reset() {
	*s = settings{environ: s.environ, source: map[string]string{}}
}

// Validate implements [kong.Resolver].
func (s *settings) Validate(*kong.Application) error { return nil }

// Resolve implements [kong.Resolver].
func (s *settings) Resolve(ctx *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	command := parent.Node()
	config := flagOf(command, configFlagName)
	if config == nil || s.err != nil || givenTwice(ctx.Path) == configFlagName { // which parse reports
		return nil, s.err
	}
	env := s.variables(command)
	if value, ok := env[flag.Name]; ok {
		s.source[flag.Name] = "environment variable " + variableName(command.Name, flag.Name)
		if !utf8.ValidString(value) {
			s.err = fmt.Errorf("the %s is not valid UTF-8: %q", s.source[flag.Name], value)
			return nil, s.err
		}
		return value, nil
	}
	name, _ := ctx.FlagValue(config).(fileName)
	if name == "" {
		name = fileName(env[configFlagName])
	}
	if name == "" || flag == config {
		return nil, nil
	}
	if s.err = s.read(name, command); s.err != nil {
		return nil, s.err
	}
	if value, ok := s.values[command.Name][flag.Name]; ok {
		s.source[flag.Name] = fmt.Sprintf("%s, section [%s]", name, command.Name)
		return value, nil
	}
	return nil, nil
}

// read reads a file, unless it is the one that was read last.
func (s *settings) read(name fileName, command *kong.Node) error {
	if name != s.file {
		values, err := readConfig(string(name), command.Parent)
		if err != nil {
			return err
		}
		s.file, s.values = name, values
	}
	if _, ok := s.values[command.Name]; !ok {
		return fmt.Errorf("configuration file %s: it has no section [%s]", name, command.Name)
	}
	return nil
}

// explain adds to the text of an error where the value of the flag came from that the
// text begins with.
func (s *settings) explain(text string) string {
	name, ok := strings.CutPrefix(text, "--")
	name, _, found := strings.Cut(name, ":")
	name, _, _ = strings.Cut(name, "=")
	if source := s.source[name]; ok && found && source != "" {
		text += " (from " + source + ")"
	}
	return text
}

// variables returns the environment variables of a command by the flags that they set,
// and notes those that name none.
func (s *settings) variables(command *kong.Node) map[string]string {
	found := map[string]string{}
	s.unknown = nil
	for _, line := range s.environ() {
		name, value, _ := strings.Cut(line, "=")
		rest, ok := strings.CutPrefix(name, variableName(command.Name, ""))
		if !ok {
			continue
		}
		flag := strings.ReplaceAll(strings.ToLower(rest), "_", "-")
		if flagOf(command, flag) == nil || variableName(command.Name, flag) != name {
			s.unknown = append(s.unknown, name)
			continue
		}
		found[flag] = value
	}
	return found
}

// variableName returns the name of the environment variable of a flag, such as
// INTENTRA_HUB_MAX_HANDSHAKES.
func variableName(command, flag string) string {
	return "INTENTRA_" + strings.ToUpper(command+"_"+strings.ReplaceAll(flag, "-", "_"))
}

func flagOf(command *kong.Node, name string) *kong.Flag {
	if command == nil || name == "help" {
		return nil
	}
	for _, f := range command.Flags {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// maxConfig bounds the size of a configuration file, in bytes.
const maxConfig = 1 << 20

// readConfig reads a configuration file. The result has its values as text, by section
// and key. A section that names no configurable command of app, and a key that names
// no flag of it, are errors.
func readConfig(name string, app *kong.Node) (map[string]map[string]string, error) {
	text, err := readLimited(name, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("reading a configuration file: %w", err)
	}
	var sections map[string]any
	if _, err := toml.Decode(text, &sections); err != nil {
		if p, ok := errors.AsType[toml.ParseError](err); ok {
			return nil, fmt.Errorf("configuration file %s, line %d: %s", name, p.Position.Line, p.Message)
		}
		return nil, fmt.Errorf("configuration file %s: %w", name, err)
	}
	values := map[string]map[string]string{}
	for section, content := range sections {
		command := childOf(app, section)
		table, ok := content.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("configuration file %s: %s is outside of a section such as [hub]", name, section)
		}
		if flagOf(command, configFlagName) == nil {
			return nil, fmt.Errorf("configuration file %s: there is no section [%s]; the sections are %s", name, section, strings.Join(configurable(app), ", "))
		}
		values[section] = map[string]string{}
		for key, value := range table {
			if flagOf(command, key) == nil || key == configFlagName {
				return nil, fmt.Errorf("configuration file %s, section [%s]: %q is not a flag of 'intentra %s'", name, section, key, section)
			}
			if values[section][key], err = settingText(value); err != nil {
				return nil, fmt.Errorf("configuration file %s, section [%s]: %s: %w", name, section, key, err)
			}
		}
	}
	return values, nil
}

// settingText returns a value of a file as the text that a command line would have.
func settingText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool, int64, float64:
		return fmt.Sprint(v), nil
	case []any: // a list, as of addresses
		var words []string
		for _, element := range v {
			word, ok := element.(string)
			if !ok {
				return "", errors.New("a list may hold strings only")
			}
			words = append(words, word)
		}
		return strings.Join(words, ","), nil
	}
	return "", errors.New("want a string, a number, true, false, or a list of strings")
}

// readLimited reads a file of at most limit bytes.
func readLimited(name string, limit int64) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return string(text), err
}

func childOf(app *kong.Node, name string) *kong.Node {
	for _, c := range app.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// configurable returns the sections that a file may have, in order.
func configurable(app *kong.Node) (names []string) {
	for _, c := range app.Children {
		if flagOf(c, configFlagName) != nil {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names
}
