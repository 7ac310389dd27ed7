package main

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// folder holds the mutations, relative to the module's root.
const folder = "internal/mutation/testdata"

// mutation is one deliberate breakage of a defence: a file of testdata. The form
// of the file is described in docs/TESTING.md.
type mutation struct {
	name    string // of the file, without ".diff"
	defence string // the property of the unbroken code
	checks  []check
	edits   []edit
}

// check names tests of one package. At least one of them has to fail.
type check struct {
	pkg     string // as go test takes it: ./conn
	pattern string // for -run: regular expressions joined by "|"
	full    bool   // run without -short
}

// edit replaces one passage of a file.
type edit struct {
	file     string
	old, new []string // lines
}

// load parses every mutation in fsys, sorted by name.
func load(fsys fs.FS) ([]mutation, error) {
	files, err := fs.Glob(fsys, "*.diff")
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("no mutations found; run this in the module's root")
	}
	var all []mutation
	for _, file := range files {
		b, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, err
		}
		m, err := parse(string(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		m.name = strings.TrimSuffix(file, ".diff")
		all = append(all, m)
	}
	return all, nil
}

func parse(text string) (m mutation, err error) {
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if err := m.parseLine(line); err != nil {
			return m, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	if m.defence == "" || len(m.checks) == 0 || len(m.edits) == 0 {
		return m, errors.New("a mutation needs a sentence that states the defence, a test line and an edit")
	}
	for _, e := range m.edits {
		if len(strings.Fields(strings.Join(e.old, " "))) == 0 {
			return m, fmt.Errorf("the edit of %s names no code to change", e.file)
		}
		if slices.Equal(e.old, e.new) {
			return m, fmt.Errorf("the edit of %s changes nothing", e.file)
		}
	}
	return m, nil
}

func (m *mutation) parseLine(line string) error {
	if file, ok := strings.CutPrefix(line, "@@ "); ok {
		m.edits = append(m.edits, edit{file: strings.TrimSpace(file)})
		return nil
	}
	if len(m.edits) > 0 {
		return m.edits[len(m.edits)-1].parseLine(line)
	}
	if rest, ok := strings.CutPrefix(line, "test "); ok {
		return m.parseTest(strings.Fields(rest))
	}
	if len(m.checks) > 0 && line != "" {
		return errors.New(`want "test", "@@" or an empty line`)
	}
	m.defence = strings.TrimSpace(m.defence + " " + line)
	return nil
}

// parseTest parses PACKAGE PATTERN... [-full].
func (m *mutation) parseTest(words []string) error {
	c := check{}
	if n := len(words); n > 0 && words[n-1] == "-full" {
		c.full, words = true, words[:n-1]
	}
	if len(words) < 2 {
		return errors.New(`want "test PACKAGE PATTERN..."`)
	}
	c.pkg, c.pattern = words[0], strings.Join(words[1:], "|")
	if _, err := regexp.Compile(c.pattern); err != nil {
		return err
	}
	m.checks = append(m.checks, c)
	return nil
}

func (e *edit) parseLine(line string) error {
	if line == "" {
		return nil
	}
	switch rest := line[1:]; line[0] {
	case ' ':
		e.old, e.new = append(e.old, rest), append(e.new, rest)
	case '-':
		e.old = append(e.old, rest)
	case '+':
		e.new = append(e.new, rest)
	default:
		return errors.New("a line of an edit begins with a space, - or +")
	}
	return nil
}

// find returns where the passage to be replaced occurs in src. White space in it
// matches any white space, so that indentation and alignment do not matter. It
// fails unless there is exactly one such place.
func (e edit) find(src []byte) (from, to int, err error) {
	words := strings.Fields(strings.Join(e.old, " "))
	for i, w := range words {
		words[i] = regexp.QuoteMeta(w)
	}
	at := regexp.MustCompile(strings.Join(words, `\s+`)).FindAllIndex(src, 2)
	switch len(at) {
	case 0:
		return 0, 0, fmt.Errorf("%s does not contain this:\n%s", e.file, strings.Join(e.old, "\n"))
	case 1:
		return at[0][0], at[0][1], nil
	}
	return 0, 0, fmt.Errorf("%s contains this more than once; add lines around it:\n%s", e.file, strings.Join(e.old, "\n"))
}

// apply returns src with the passage replaced.
func (e edit) apply(src []byte) ([]byte, error) {
	from, to, err := e.find(src)
	if err != nil {
		return nil, err
	}
	return slices.Concat(src[:from], []byte(strings.TrimSpace(strings.Join(e.new, "\n"))), src[to:]), nil
}
