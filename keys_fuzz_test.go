package intentra_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// readKeyText is a simple parser of keys: 43 digits of base64 for 256 bits, of which
// the last two bits must be zero, and one "=".
func readKeyText(s string) (k [32]byte, ok bool) {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	s = strings.TrimSpace(s)
	if len(s) != 44 || s[43] != '=' {
		return k, false
	}
	for i := range 258 {
		digit := strings.IndexByte(digits, s[i/6])
		bit := digit >> (5 - i%6) & 1
		if digit < 0 || i >= 256 && bit != 0 {
			return k, false
		}
		if i < 256 {
			k[i/8] |= byte(bit << (7 - i%8))
		}
	}
	return k, k != [32]byte{}
}

// addKeyTexts adds keys and near misses to the seed corpus.
func addKeyTexts(f *testing.F, add func(string)) {
	good := intentra.PublicKey{1, 31: 2}.String()
	for _, s := range []string{
		"", good, good + "\n", " \t" + good + "\r\n", good[:43], good + "=", good[:43] + "B", good + good,
		good[:42] + "B=", good[:20] + "\n" + good[20:43], strings.Repeat("A", 43) + "=", strings.Repeat("/", 42) + "8=",
		"\ufeff" + good, good + "\x00", strings.Repeat("-", 44), good + strings.Repeat(" ", 5000) + "x",
	} {
		add(s)
	}
}

// The attacker has replaced the key file; or a user gives a wrong file, possibly with
// another secret. The result is that of a simple parser, a key that is written and
// read again is the same, and the error quotes nothing from the file.
func FuzzReadPrivateKey(f *testing.F) {
	addKeyTexts(f, func(s string) { f.Add([]byte(s)) })
	dir := f.TempDir()
	path, again := filepath.Join(dir, "key"), filepath.Join(dir, "again")
	f.Fuzz(func(t *testing.T, content []byte) {
		require.NoError(t, os.WriteFile(path, content, 0o600))
		want, ok := readKeyText(string(content[:min(len(content), 4096)]))
		got, err := intentra.ReadPrivateKey(path)
		if !ok {
			require.ErrorIs(t, err, intentra.ErrKey)
			require.Equal(t, "key file "+path+": "+notAKey, err.Error())
			require.True(t, got == intentra.PrivateKey{})
			return
		}
		require.NoError(t, err)
		require.True(t, got == want)
		require.NoError(t, intentra.WritePrivateKey(again, got))
		defer func() { require.NoError(t, os.Remove(again)) }()
		back, err := intentra.ReadPrivateKey(again)
		require.NoError(t, err)
		require.True(t, back == got)
	})
}

const notAKey = "intentra: not a key: want 44 characters of base64, as keygen prints them"

// A user gives the wrong text as a public key, in the worst case a private key. The
// error quotes nothing from it.
func FuzzParsePublicKey(f *testing.F) {
	addKeyTexts(f, func(s string) { f.Add(s) })
	f.Fuzz(func(t *testing.T, s string) {
		want, ok := readKeyText(s)
		got, err := intentra.ParsePublicKey(s)
		var unmarshalled intentra.PublicKey
		require.Equal(t, err, unmarshalled.UnmarshalText([]byte(s)))
		require.Equal(t, got, unmarshalled)
		if !ok {
			require.ErrorIs(t, err, intentra.ErrKey)
			require.Equal(t, notAKey, err.Error(), "the error must not depend on the text")
			require.Zero(t, got)
			return
		}
		require.NoError(t, err)
		require.Equal(t, intentra.PublicKey(want), got)
		require.Equal(t, strings.TrimSpace(s), got.String())
	})
}
