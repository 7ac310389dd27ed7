package accesslist

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// TestParse: a private key is refused, alone and among others, and not quoted.
func TestParse(t *testing.T) {
	own := intentra.PrivateKey{1: 7}
	public, private := own.Public().String(), intentra.PublicKey(own).String()
	other := intentra.PublicKey{31: 0x80}.String() // cannot be public
	for text, want := range map[string]string{
		"": "", public: "", public + " robot": "",
		private:                    "private key file",
		other + "\n":               "private key file",
		private + " robot":         "line 1",
		public + "\n\n" + other:    "line 3",
		"# keys\n" + other + " a ": "line 2",
		"malformed":                "line 1",
	} {
		a, err := Parse(text, own)
		if want == "" {
			require.NoError(t, err)
			require.NotNil(t, a)
			continue
		}
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), private)
		require.NotContains(t, err.Error(), other)
	}
}

// TestWarnings: a list without keys and one with keys that have ended are worth warnings, their
// number is bounded, and [hub.AllowAny] is worth none.
func TestWarnings(t *testing.T) {
	now := time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)
	require.Empty(t, Warnings(hub.AllowAny(), now))
	parse := func(text string) *hub.Access {
		a, err := hub.ParseAccess(strings.NewReader(text))
		require.NoError(t, err)
		return a
	}
	require.Equal(t, []string{"the access list has no keys, so no peer may connect"}, Warnings(parse("# none\n"), now))
	var many strings.Builder
	for i := range maxWarnings + 3 {
		fmt.Fprintf(&many, "%s robot-%d until=2030-01-01\n", intentra.PrivateKey{1: byte(i + 1)}.Public(), i)
	}
	list := Warnings(parse(many.String()), now)
	require.Len(t, list, maxWarnings+1)
	require.Contains(t, list[0], "until=")
	require.Equal(t, "3 more such warnings", list[maxWarnings])
}
