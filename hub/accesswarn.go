package hub

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Warnings returns text for an operator on each line that is valid and hardly meant: a key
// whose until= is not after now, and a pattern of publish= that matches no topic of its peer,
// because topics begin with the name of the peer. The texts are in the order of the list. A
// list of [AllowAny] has none.
func (a *Access) Warnings(now time.Time) (warnings []string) {
	must(a.valid())
	entries := make([]*entry, 0, len(a.entries))
	for _, e := range a.entries {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(x, y *entry) int { return cmp.Compare(x.line, y.line) })
	for _, e := range entries {
		if !e.until.IsZero() && !now.Before(e.until) {
			warnings = append(warnings, fmt.Sprintf("line %d: until=%s is over, so %q may not connect", e.line, e.until.Format(time.RFC3339), e.name))
		}
		for _, p := range e.publish {
			if !p.selectsTopicOf(e.name) {
				warnings = append(warnings, fmt.Sprintf("line %d: publish=%s matches no topic of %q, whose paths begin with %s/", e.line, p, e.name, e.name))
			}
		}
	}
	return warnings
}

// selectsTopicOf reports whether the pattern selects a path that begins with the name of a
// publisher and goes on with the name of a topic.
func (p Pattern) selectsTopicOf(publisher string) bool {
	switch len(p.levels) {
	case 0:
		return p.open
	case 1:
		return p.open && matchLevel(p.levels[0], publisher)
	}
	return matchLevel(p.levels[0], publisher)
}
