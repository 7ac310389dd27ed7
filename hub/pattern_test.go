package hub

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern  string
		yes, not []string
	}{
		{"robot-7/pose", []string{"robot-7/pose"}, []string{"robot-7", "robot-7/pose/x", "robot-70/pose", "Robot-7/pose"}},
		{"*/pose", []string{"a/pose", "b c/pose"}, []string{"pose", "a/b/pose", "a/poses"}},
		{"robot-*/pose", []string{"robot-1/pose", "robot-/pose"}, []string{"robot/pose", "a/pose"}},
		{"*b*d/x", []string{"bd/x", "abcd/x", "bbdd/x"}, []string{"b/x", "db/x", "bdc/x"}},
		{"**", []string{"a", "a/b", "a/b/c"}, nil},
		{"a/**", []string{"a/b", "a/b/c", "a"}, []string{"b/a", "ab/c"}},
		{"*/**", []string{"a/b", "a"}, nil},
	} {
		p, err := ParsePattern(c.pattern)
		require.NoError(t, err)
		require.Equal(t, c.pattern, p.String())
		for _, path := range c.yes {
			require.True(t, p.Match(path), "%s %s", c.pattern, path)
		}
		for _, path := range c.not {
			require.False(t, p.Match(path), "%s %s", c.pattern, path)
		}
	}
	require.False(t, Pattern{}.Match(""))
	require.False(t, Pattern{}.Match("a"))
	for _, bad := range []string{"", "/", "a/", "/a", "a//b", "**/a", "a**/b", "a/***", "a/\x00", "\xff", "\xcb*\x83", strings.Repeat("a", MaxPath+1), "b/" + strings.Repeat("a", MaxName) + "*a", strings.Repeat("a/", MaxLevels) + "a"} {
		_, err := ParsePattern(bad)
		require.ErrorIs(t, err, ErrPattern, "%q", bad)
	}
}

// An attacker chooses patterns and paths: a pattern that parses prints as itself, and
// selects what a regular expression does.
func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{{"a/b", "a/b"}, {"*/b*c", "x/bbc"}, {"a/**", "a"}, {"**", "a/b"}, {"*a*a*a*/x", "aaaa/x"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		p, err := ParsePattern(pattern)
		if err != nil {
			require.ErrorIs(t, err, ErrPattern)
			return
		}
		require.Equal(t, pattern, p.String())
		for level := range strings.SplitSeq(path, "/") {
			if checkLevel(level) != nil {
				return
			}
		}
		require.Equal(t, oracle(pattern).MatchString(path), p.Match(path), "%q %q", pattern, path)
	})
}

func oracle(pattern string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	for i, level := range strings.Split(pattern, "/") {
		if level == "**" {
			if i == 0 {
				b.WriteString(".+")
			} else {
				b.WriteString("(/.+)?")
			}
			continue
		}
		if i > 0 {
			b.WriteString("/")
		}
		if level == "*" {
			b.WriteString("[^/]+")
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(level), `\*`, "[^/]*"))
	}
	return regexp.MustCompile(b.String() + "$")
}
