package script

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// ErrSyntax is returned for a line that is not of the language. The error names
// the line and says what to write.
var ErrSyntax = errors.New("script")

// maxLine is the longest line, in bytes.
const maxLine = 1 << 20

// Script is a scenario.
type Script struct {
	// Seed is the seed of the world, unless Options replace it. It is 1 if no
	// step sets it.
	Seed uint64
	// LastSeed is not less than Seed. The tests of package script run a script of
	// testdata with each seed from Seed to LastSeed.
	LastSeed uint64
	Steps    []Step
}

// Step is a line with the output below it.
type Step struct {
	Line int // in the text, from one
	Text string
	Want []string // output, without the >

	words []string // none for a comment
	do    action
}

// action runs a step. It is made by the parser, and may run in several worlds.
type action func(r *run) error

// Comment reports whether the step is a comment or an empty line.
func (s *Step) Comment() bool { return len(s.checked().words) == 0 }

// Words returns the words of the step without their quotes.
func (s *Step) Words() []string { return s.checked().words }

// Parse reads a script.
func Parse(in io.Reader) (*Script, error) {
	if in == nil {
		return nil, errors.New("script: the reader is nil")
	}
	s := &Script{Seed: 1, LastSeed: 1}
	p := parser{script: s, nodes: map[string]bool{}, crowds: map[string]bool{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if err := p.line(n, lines.Text()); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrSyntax, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return s, nil
}

// ParseLines is Parse of lines.
func ParseLines(lines []string) (*Script, error) {
	return Parse(strings.NewReader(strings.Join(lines, "\n")))
}

// HasOutput reports whether the text contains output.
func (s *Script) HasOutput() bool {
	s.checked()
	return slices.ContainsFunc(s.Steps, func(st Step) bool { return len(st.Want) > 0 })
}

// Lines returns the text of the steps that are not comments, without the output.
func (s *Script) Lines() (all []string) {
	s.checked()
	for _, st := range s.Steps {
		if !st.Comment() {
			all = append(all, st.Text)
		}
	}
	return all
}

// checked returns s, and panics if it is nil.
func (s *Script) checked() *Script {
	if s == nil {
		panic("script: the *Script is nil; Parse returns one unless it fails")
	}
	return s
}

// checked returns s, and panics if it is nil.
func (s *Step) checked() *Step {
	if s == nil {
		panic("script: the *Step is nil")
	}
	return s
}

type parser struct {
	script *Script
	nodes  map[string]bool
	crowds map[string]bool
	begun  bool // a step was parsed
}

func (p *parser) line(n int, text string) error {
	trimmed := strings.TrimSpace(text)
	if want, ok := strings.CutPrefix(trimmed, ">"); ok {
		if len(p.script.Steps) == 0 {
			return errors.New("output must follow a step")
		}
		last := &p.script.Steps[len(p.script.Steps)-1]
		last.Want = append(last.Want, strings.TrimPrefix(want, " "))
		return nil
	}
	st := Step{Line: n, Text: trimmed}
	if trimmed != "" && !strings.HasPrefix(trimmed, "#") {
		words, err := split(trimmed)
		if err != nil {
			return err
		}
		st.words = words
		if st.do, err = p.command(words); err != nil {
			return err
		}
		p.begun = true
	}
	p.script.Steps = append(p.script.Steps, st)
	return nil
}

func (p *parser) command(words []string) (action, error) {
	c, ok := commands[words[0]]
	if !ok {
		return nil, fmt.Errorf("%q is not a command; the commands are %s", words[0], known(commands))
	}
	a := &args{parser: p, words: words[1:]}
	do := c.parse(a)
	if a.err == nil && len(a.words) > 0 {
		a.err = fmt.Errorf("%q is too much", a.words[0])
	}
	if a.err != nil {
		return nil, fmt.Errorf("%s: %w; write: %s", words[0], a.err, c.usage)
	}
	return do, nil
}

// split splits a line into words.
func split(line string) (words []string, err error) {
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		if line[0] != '"' {
			end := strings.IndexAny(line, " \t")
			if end < 0 {
				end = len(line)
			}
			words, line = append(words, line[:end]), line[end:]
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return nil, fmt.Errorf("%s: the quotation does not end, or has an unknown escape", line)
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", quoted, err)
		}
		words, line = append(words, word), line[len(quoted):]
	}
	return words, nil
}
