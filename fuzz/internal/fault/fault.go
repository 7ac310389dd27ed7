// Package fault is how the packages fuzz and fuzz/chain say what is wrong with a
// stage: an error that knows its cause, so that a mistake which all seeds meet is
// told once.
package fault

import (
	"errors"
	"flag"
	"fmt"
	"testing"
)

// Error is what is wrong, with its cause in words that are the same whichever
// packet has shown it.
type Error struct{ cause, text string }

// Error returns the whole text.
func (e *Error) Error() string { return e.text }

// New returns an error of that cause.
func New(cause, text string) *Error { return &Error{cause, text} }

// Of returns an error whose cause is its format and who has brought it about.
func Of(who, format string, args ...any) *Error {
	return New(who+": "+format, fmt.Sprintf(format, args...))
}

// Errorf returns an error whose cause is its format.
func Errorf(format string, args ...any) *Error { return New(format, fmt.Sprintf(format, args...)) }

// Cause returns the cause of err, which is its text if it knows none.
func Cause(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.cause
	}
	return err.Error()
}

// Seeds fails the first seed of each cause, and skips the others. The zero value
// is ready to use, for one call of a fuzz test.
type Seeds struct {
	first map[string]string // the name of the seed, by cause
	more  int
}

// Judge fails t with err, or skips it if a seed has failed for the same cause. In
// a worker of the fuzzing engine, which must hear of each, it always fails.
func (s *Seeds) Judge(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	cause := Cause(err)
	if first, told := s.first[cause]; told && !inWorker() {
		s.more++
		t.Skipf("fails for the same cause as %s, which tells it", first)
	}
	if s.first == nil {
		s.first = map[string]string{}
	}
	if _, told := s.first[cause]; !told {
		s.first[cause] = t.Name()
	}
	t.Fatal(err)
}

// Report logs how many failures Judge has skipped.
func (s *Seeds) Report(t testing.TB) {
	t.Helper()
	if s.more > 0 {
		t.Logf("seeds that fail for a cause told above, and are skipped: %d; -v names them, and -run with a name shows one", s.more)
	}
}

// inWorker reports whether this is a process in which the fuzzing engine runs
// inputs. Should testing ever lose the flag, nothing is skipped.
func inWorker() bool {
	f := flag.Lookup("test.fuzzworker")
	return f == nil || f.Value.String() != "false"
}
