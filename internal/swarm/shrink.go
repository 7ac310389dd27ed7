package swarm

import (
	"slices"
	"strings"
	"time"

	"github.com/intentra/intentra/sim/script"
)

// leastRun is the shortest duration of run steps after shrinking.
const leastRun = time.Millisecond

// Shrink returns the smallest script that it finds that fails with the same kind
// of error as lines, and that error. It removes steps, nodes, settings and time
// in at most tries runs. stop may be nil, and ends it early if it returns true.
func Shrink(lines []string, tries int, stop func() bool) (smallest []string, err error) {
	s := &shrinker{tries: tries, stop: stop}
	result, err := Run(lines, stop)
	if s.kind = kind(err); s.kind == nil {
		return lines, err
	}
	s.best, s.err = slices.Clone(lines), err
	if result.Failed != nil {
		s.try(s.best[:min(result.Failed.Line, len(s.best))])
	}
	for before := -1; before != s.size() && s.left(); {
		before = s.size()
		s.removeNodes()
		s.removeSteps()
		s.removeSettings()
		s.shorten()
	}
	return s.best, s.err
}

type shrinker struct {
	kind  error
	best  []string
	err   error
	tries int
	stop  func() bool
}

func (s *shrinker) left() bool { return s.tries > 0 && (s.stop == nil || !s.stop()) }

// size falls with each success.
func (s *shrinker) size() int {
	n := 0
	for _, l := range s.best {
		n += len(l) + 1
	}
	return n
}

// try runs the candidate, reports whether it fails in the same way, and keeps it
// then.
func (s *shrinker) try(candidate []string) bool {
	if !s.left() {
		return false
	}
	if _, err := script.ParseLines(candidate); err != nil {
		return false // costs nothing
	}
	s.tries--
	_, err := Run(candidate, s.stop)
	if kind(err) != s.kind {
		return false
	}
	s.best, s.err = slices.Clone(candidate), err
	return true
}

// removeSteps is delta debugging: it tries to remove half of the steps, then
// quarters, and so on.
func (s *shrinker) removeSteps() {
	for chunk := len(s.best) / 2; chunk > 0; chunk /= 2 {
		for at := 0; at < len(s.best) && s.left(); {
			end := min(at+chunk, len(s.best))
			candidate := without(s.best, func(i int) bool { return i >= at && i < end && !kept(s.best[i]) })
			if len(candidate) == len(s.best) || !s.try(candidate) {
				at = end
			}
		}
	}
}

// kept reports whether a step must stay, because without it every script would
// fail, or none.
func kept(line string) bool {
	return strings.HasPrefix(line, "seed ") || strings.HasPrefix(line, "settle ")
}

func without(lines []string, drop func(i int) bool) (left []string) {
	for i, l := range lines {
		if !drop(i) {
			left = append(left, l)
		}
	}
	return left
}

// removeNodes tries to remove each node with all steps that mention it.
func (s *shrinker) removeNodes() {
	for at := 0; at < len(s.best); at++ {
		words := strings.Fields(s.best[at])
		if len(words) < 2 || words[0] != "node" {
			continue
		}
		name := words[1]
		if s.try(without(s.best, func(i int) bool { return slices.Contains(strings.Fields(s.best[i]), name) && !kept(s.best[i]) })) {
			at--
		}
	}
}

// removeSettings tries to remove each setting.
func (s *shrinker) removeSettings() {
	for at := 0; at < len(s.best); at++ {
		for w := len(strings.Fields(s.best[at])) - 1; w > 0 && s.left(); w-- {
			words := strings.Fields(s.best[at])
			if !strings.Contains(words[w], "=") || len(words[w]) < 3 {
				continue
			}
			candidate := slices.Clone(s.best)
			candidate[at] = strings.Join(slices.Delete(words, w, w+1), " ")
			s.try(candidate)
		}
	}
}

// shorten tries to shorten the run steps.
func (s *shrinker) shorten() {
	for at := range s.best {
		for s.left() {
			words := strings.Fields(s.best[at])
			if len(words) != 2 || words[0] != "run" {
				break
			}
			d, err := time.ParseDuration(words[1])
			if err != nil || d <= leastRun {
				break
			}
			candidate := slices.Clone(s.best)
			candidate[at] = "run " + (d / 2).Round(leastRun).String()
			if candidate[at] == s.best[at] || !s.try(candidate) {
				break
			}
		}
	}
}
