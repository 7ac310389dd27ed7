package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every reason that a peer can send has a text form that parses to the same number. The
// error for any other text lists the names.
func TestCloseReasonText(t *testing.T) {
	seen := map[string]bool{}
	for n := range 256 {
		r := CloseReason(n)
		text, err := r.MarshalText()
		require.NoError(t, err)
		require.False(t, seen[string(text)], "two reasons have the text %q", text)
		seen[string(text)] = true
		got := ^r
		require.NoError(t, got.UnmarshalText(text))
		require.Equal(t, r, got, "%q", text)
		require.Equal(t, r.String() == "unknown", strings.Trim(string(text), "0123456789") == "", "a reason with a name has it as its text")
	}
	for _, bad := range []string{"", "unknown", "Closed", "closed ", "256", "-1", "0x1", "1.0"} {
		got := CloseReason(99)
		err := got.UnmarshalText([]byte(bad))
		require.Error(t, err, "%q", bad)
		require.Equal(t, CloseReason(99), got)
		for _, r := range append(CloseReasons(), CloseNone) {
			require.ErrorContains(t, err, r.String())
		}
	}
}

// The suites, and the zero value that means the default, have text forms that parse.
// Other numbers and texts are errors.
func TestSuiteText(t *testing.T) {
	for n := range 256 {
		s := Suite(n)
		text, err := s.MarshalText()
		if s != 0 && !s.Valid() {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, s == 0, len(text) == 0)
		got := ^s
		require.NoError(t, got.UnmarshalText(text))
		require.Equal(t, s, got)
	}
	for _, bad := range []string{"invalid", "AESGCM", "1", " "} {
		s := ChaChaPoly
		err := s.UnmarshalText([]byte(bad))
		require.ErrorContains(t, err, AESGCM.String())
		require.ErrorContains(t, err, ChaChaPoly.String())
		require.Equal(t, ChaChaPoly, s)
	}
}
