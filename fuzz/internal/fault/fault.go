// Package fault holds the errors with which packages fuzz and fuzz/chain report a wrong
// stage. An error knows its cause, so that a fault that many seeds show is reported
// once.
package fault

import (
	"errors"
	"flag"
	"fmt"
	"testing"
)

// Error is a failure with its cause, a text that does not depend on the packet that
// showed it.
type Error struct{ cause, text string }

// Error returns the whole text.
func (e *Error) Error() string { return e.text }

// New returns an error with that cause.
func New(cause, text string) *Error { return &Error{cause, text} }

// Of returns an error whose cause is its format and who.
func Of(who, format string, args ...any) *Error {
	return New(who+": "+format, fmt.Sprintf(format, args...))
}

// Errorf returns an error whose cause is its format.
func Errorf(format string, args ...any) *Error { return New(format, fmt.Sprintf(format, args...)) }

// Cause returns the cause of err, or its text if it is no [Error].
func Cause(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.cause
	}
	return err.Error()
}

// Seeds fails the first seed of each cause and skips the others. The zero value is ready
// to use, for one fuzz test.
type Seeds struct {
	first map[string]string // the name of the seed, by cause
	more  int
}

// Judge fails t with err, or skips t if a seed has failed for the same cause. In a worker
// of the fuzzing engine, which needs every failure, it always fails.
func (s *Seeds) Judge(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	cause := Cause(err)
	if first, known := s.first[cause]; known && !inWorker() {
		s.more++
		t.Skipf("fails for the same cause as %s", first)
	}
	if s.first == nil {
		s.first = map[string]string{}
	}
	if _, known := s.first[cause]; !known {
		s.first[cause] = t.Name()
	}
	t.Fatal(err)
}

// Report logs how many failures Judge has skipped.
func (s *Seeds) Report(t testing.TB) {
	t.Helper()
	if s.more > 0 {
		t.Logf("skipped %d seeds that fail for a cause shown above: -v names them, and -run with a name shows one", s.more)
	}
}

// inWorker reports whether this process is a worker of the fuzzing engine. If package
// testing ever drops the flag, it returns true, so that nothing is skipped.
func inWorker() bool {
	f := flag.Lookup("test.fuzzworker")
	return f == nil || f.Value.String() != "false"
}
