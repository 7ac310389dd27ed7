package fault

import (
	"errors"
	"flag"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// seed is a testing.TB that records how it ended.
type seed struct {
	testing.TB
	name, ended string
}

type over struct{}

func (s *seed) Helper()      {}
func (s *seed) Name() string { return s.name }
func (s *seed) Fatal(args ...any) {
	s.ended = "failed: " + fmt.Sprint(args...)
	panic(over{})
}

func (s *seed) Skipf(format string, args ...any) {
	s.ended = "skipped: " + fmt.Sprintf(format, args...)
	panic(over{})
}
func (s *seed) Logf(format string, args ...any) { s.ended = fmt.Sprintf(format, args...) }

func ended(all *Seeds, name string, err error) (how string) {
	s := &seed{name: name, ended: "passed"}
	func() {
		defer func() { _ = recover() }()
		all.Judge(s, err)
	}()
	return s.ended
}

// Each cause is reported once, and then the number of skipped seeds.
func TestEachCauseIsReportedOnce(t *testing.T) {
	var all Seeds
	dropped := func(n int) error { return Errorf("dropped %d packets", n) }
	require.Equal(t, "passed", ended(&all, "seed#0", nil))
	require.Equal(t, "failed: dropped 1 packets", ended(&all, "seed#1", dropped(1)))
	require.Equal(t, "skipped: fails for the same cause as seed#1", ended(&all, "seed#2", fmt.Errorf("in a chain: %w", dropped(7))))
	require.Equal(t, "failed: other", ended(&all, "seed#3", errors.New("other")))
	require.Equal(t, "skipped: fails for the same cause as seed#3", ended(&all, "seed#4", errors.New("other")))
	f := &seed{}
	all.Report(f)
	require.Contains(t, f.ended, "skipped 2 seeds that fail for a cause shown above")
}

// The fuzzing engine keeps inputs that fail, so its workers skip none.
func TestWorkersReportAll(t *testing.T) {
	require.NoError(t, flag.Set("test.fuzzworker", "true"))
	defer func() { require.NoError(t, flag.Set("test.fuzzworker", "false")) }()
	var all Seeds
	for _, name := range []string{"a", "b"} {
		require.Equal(t, "failed: one", ended(&all, name, errors.New("one")))
	}
}
