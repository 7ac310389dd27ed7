package intentra_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// allowed is a simple parser of allow lists. badLine is the number of the first
// malformed line, or zero.
func allowed(text string) (names map[intentra.PublicKey]string, badLine int) {
	names = map[intentra.PublicKey]string{}
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		line, _, _ = strings.Cut(line, "#")
		first, rest, _ := strings.Cut(strings.Join(strings.Fields(line), " "), " ")
		if first == "" {
			continue
		}
		key, ok := readKeyText(first)
		if _, twice := names[key]; !ok || twice {
			return nil, i + 1
		}
		names[key] = rest
	}
	return names, 0
}

// The attacker writes the list; or a user gives a wrong file, in the worst case that
// of a private key. The result is that of a simple parser, a list that is written
// and read again is the same, and an error names the line but quotes none of it.
func FuzzAllowList(f *testing.F) {
	a, b := intentra.PublicKey{1}.String(), intentra.PublicKey{2}.String()
	for _, s := range []string{
		"", "# no keys\n", a, a + " robot\n" + b + "\tarm  of the\u00a0hall # left\r\n", "\ufeff" + a + "\r\n\r\n#\r\n" + b,
		a + "\n" + a + " again\n", a + "#\n" + b[:40] + "\n", "\n\n\x00" + a, a + " " + b + "\n", a + "\u2028" + b, "\n\ufeff" + a,
		a + " \ufeff#\n" + b + "x", a + "\r" + b,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) >= 64<<10 {
			return // the scanner rejects long lines; see TestAllowListErrorsNameTheLine
		}
		want, badLine := allowed(string(text))
		got, err := intentra.ParseAllowList(bytes.NewReader(text))
		if badLine > 0 {
			require.ErrorIs(t, err, intentra.ErrAllowList)
			prefix := fmt.Sprintf("%v: line %d: ", intentra.ErrAllowList, badLine)
			require.Contains(t, []string{prefix + notAKey, prefix + "duplicate key"}, err.Error())
			require.Nil(t, got)
			return
		}
		require.NoError(t, err)
		requireList(t, want, got)
		require.False(t, got.Allows(intentra.PublicKey{}))

		var again strings.Builder
		for _, k := range got.Keys() {
			fmt.Fprintln(&again, k, got.Name(k))
		}
		back, err := intentra.ParseAllowList(strings.NewReader(again.String()))
		require.NoError(t, err)
		requireList(t, want, back)
	})
}

func requireList(t *testing.T, want map[intentra.PublicKey]string, got *intentra.AllowList) {
	keys := slices.SortedFunc(maps.Keys(want), func(a, b intentra.PublicKey) int { return bytes.Compare(a[:], b[:]) })
	require.Equal(t, len(want), got.Len())
	require.ElementsMatch(t, keys, got.Keys())
	for k, name := range want {
		require.True(t, got.Allows(k))
		require.Equal(t, name, got.Name(k))
	}
}
