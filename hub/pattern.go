package hub

import (
	"errors"
	"fmt"
	"strings"
)

// ErrPattern is returned for text that is not a pattern.
var ErrPattern = errors.New("hub: malformed pattern")

// Pattern selects paths. Its levels are those of a path, except that "*" matches
// any one level and "**", as the last level, any number of them, also none. The zero
// Pattern matches nothing.
type Pattern struct {
	levels []string // without a final "**"
	open   bool     // ends with "**"
}

// ParsePattern parses a pattern of at most MaxPath bytes and MaxLevels levels, such
// as "robot-7/pose", "*/pose" or "robot-7/**". An asterisk within a level, as in
// "robot-*/pose", matches any characters of that level, which has at most MaxName
// bytes. The error is ErrPattern.
func ParsePattern(s string) (Pattern, error) {
	if len(s) > MaxPath {
		return Pattern{}, fmt.Errorf("%w: longer than %d bytes", ErrPattern, MaxPath)
	}
	levels := strings.Split(s, "/")
	if len(levels) > MaxLevels {
		return Pattern{}, fmt.Errorf("%w: %q has more than %d levels", ErrPattern, s, MaxLevels)
	}
	p := Pattern{levels: levels}
	if last := len(levels) - 1; levels[last] == "**" {
		p.levels, p.open = levels[:last], true
	}
	for _, level := range p.levels {
		if strings.Contains(level, "**") {
			return Pattern{}, fmt.Errorf("%w: %q has ** before its end", ErrPattern, s)
		}
		if strings.Trim(level, "*") == "" && level != "" {
			continue
		}
		if len(strings.ReplaceAll(level, "*", "")) > MaxName {
			return Pattern{}, fmt.Errorf("%w: %q has more than %d bytes, so it matches no level", ErrPattern, level, MaxName)
		}
		// Each asterisk counts as a character: without it, the two halves of an
		// invalid encoding could join to a valid one.
		if err := checkLevel(strings.ReplaceAll(level, "*", "x")); err != nil {
			return Pattern{}, fmt.Errorf("%w: %q: %w", ErrPattern, s, err)
		}
	}
	return p, nil
}

// String returns the pattern as it was parsed, or "" for the zero Pattern.
func (p Pattern) String() string {
	s := strings.Join(p.levels, "/")
	switch {
	case !p.open:
		return s
	case len(p.levels) == 0:
		return "**"
	}
	return s + "/**"
}

// Match reports whether the pattern selects the path. It allocates nothing.
func (p Pattern) Match(path string) bool {
	if len(p.levels) == 0 && !p.open {
		return false
	}
	for _, want := range p.levels {
		if path == "" {
			return false
		}
		level, rest, more := strings.Cut(path, "/")
		if !matchLevel(want, level) || more && rest == "" {
			return false
		}
		path = rest
	}
	return p.open || path == ""
}

// matchLevel reports whether a level matches a pattern in which each asterisk matches
// any characters. It goes back to the latest asterisk only, so it takes time in
// proportion to the product of the lengths.
func matchLevel(pattern, level string) bool {
	p, l, star, from := 0, 0, -1, 0
	for l < len(level) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, l
			p++
		case p < len(pattern) && pattern[p] == level[l]:
			p++
			l++
		case star >= 0:
			from++
			p, l = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// patterns is a list of patterns.
type patterns []Pattern

// parsePatterns parses a list with commas in between.
func parsePatterns(s string) (list patterns, err error) {
	for part := range strings.SplitSeq(s, ",") {
		p, err := ParsePattern(part)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// match reports whether one of the patterns selects the path.
func (l patterns) match(path string) bool {
	for _, p := range l {
		if p.Match(path) {
			return true
		}
	}
	return false
}
