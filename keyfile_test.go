package intentra_test

import (
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

func TestKeyFileKeepsAKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	k := loopback.Key(t)
	require.NoError(t, intentra.WritePrivateKey(path, k))
	back, err := intentra.ReadPrivateKey(path)
	require.NoError(t, err)
	require.True(t, k == back)

	info, err := os.Stat(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, fs.FileMode(0o600), info.Mode())
	}
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, base64.StdEncoding.EncodeToString(k[:])+"\n", string(content))
}

func TestWritePrivateKeyDoesNotOverwrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	first, second := loopback.Key(t), loopback.Key(t)
	require.NoError(t, intentra.WritePrivateKey(path, first))
	err := intentra.WritePrivateKey(path, second)
	require.ErrorIs(t, err, fs.ErrExist)
	require.ErrorContains(t, err, path)
	requireNoTrace(t, second, err.Error())
	back, err := intentra.ReadPrivateKey(path)
	require.NoError(t, err)
	require.True(t, first == back)
}

func TestWritePrivateKeyToNowhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "key")
	k := loopback.Key(t)
	err := intentra.WritePrivateKey(path, k)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, path)
	requireNoTrace(t, k, err.Error())
}

func TestReadPrivateKeyRefuses(t *testing.T) {
	k := loopback.Key(t)
	good := base64.StdEncoding.EncodeToString(k[:])
	for name, content := range map[string]string{
		"empty":     "",
		"two keys":  good + "\n" + good + "\n",
		"short":     good[:43] + "\n",
		"long":      good + strings.Repeat(" ", 8192) + "x",
		"zero":      strings.Repeat("A", 43) + "=\n",
		"binary":    string(k[:]),
		"commented": good + " # mine\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			got, err := intentra.ReadPrivateKey(path)
			if name == "long" {
				// Valid within the limit on what is read, and longer than that.
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, intentra.ErrKey)
			require.ErrorContains(t, err, path)
			require.True(t, got == intentra.PrivateKey{})
			requireNoTrace(t, k, err.Error())
		})
	}
}

// If the caller gives a key instead of a path, the error does not contain the key.
func TestReadPrivateKeyHidesAKeyGivenAsPath(t *testing.T) {
	k := loopback.Key(t)
	_, err := intentra.ReadPrivateKey(base64.StdEncoding.EncodeToString(k[:]))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "itself a key")
	requireNoTrace(t, k, err.Error())
}

func TestReadPrivateKeyWithoutAFile(t *testing.T) {
	dir := t.TempDir()
	_, err := intentra.ReadPrivateKey(filepath.Join(dir, "missing"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "missing")

	_, err = intentra.ReadPrivateKey(dir)
	require.ErrorContains(t, err, dir)
	require.NotErrorIs(t, err, intentra.ErrKey)
}
