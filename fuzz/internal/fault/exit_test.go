package fault

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Catch returns however the call ends, and says how and where it ended.
func TestCatch(t *testing.T) {
	require.Nil(t, Catch(func() {}))
	require.Nil(t, Catch(func() {
		defer func() { _ = recover() }()
		panic("caught")
	}))
	for _, tc := range []struct {
		f    func()
		want string
	}{
		{func() { panic("full") }, "kit: it panicked now: full\nadvice\n"},
		{func() { var p *int; *p = 1 }, "kit: it panicked now: runtime error: invalid memory address"},
		{func() { panic(nil) }, "kit: it panicked now: panic called with nil argument"},
		{runtime.Goexit, "kit: it called runtime.Goexit now: "},
		{func() { defer func() { _ = recover() }(); runtime.Goexit() }, "kit: it called runtime.Goexit now: "},
		{func() { defer func() { panic("over") }(); runtime.Goexit() }, "kit: it panicked now: over"},
	} {
		e := Catch(tc.f)
		require.NotNil(t, e, tc.want)
		require.Contains(t, e.Error("kit", "it", "now", "advice").Error(), tc.want)
	}
}

// The site is a file and line, also in an inlined function, and has no addresses.
func TestSite(t *testing.T) {
	for _, stack := range []string{
		"a.f(0x1)\n\t/a.go:7 +0x1f\na.g(0x2)\n\t/a.go:9 +0x2", "a.f(...)\n\t/a.go:7\na.g(0x2)\n\t/a.go:9 +0x2", "a.f(...)\n\t/a.go:7",
	} {
		require.Equal(t, "/a.go:7", (&Exit{Stack: stack}).Site())
	}
}

func TestNameOf(t *testing.T) {
	require.Equal(t, "fault.TestNameOf", NameOf(TestNameOf))
	require.Equal(t, "fault.TestNameOf.func1", NameOf(func() {}))
}
