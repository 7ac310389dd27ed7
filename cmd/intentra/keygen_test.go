package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

func TestKeygenAndPubkey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run([]string{"keygen", "--out", file}, nil, &stdout, &stderr))
	require.Empty(t, stderr.String())
	printed := stdout.String()
	key, err := intentra.ParsePublicKey(printed[:len(printed)-1])
	require.NoError(t, err, "the key stands alone on its line")
	require.Equal(t, key.String()+"\n", printed)
	if runtime.GOOS != "windows" {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm())
	}

	stdout.Reset()
	require.Equal(t, exitOK, run([]string{"pubkey", file}, nil, &stdout, &stderr))
	require.Equal(t, printed, stdout.String())
	require.Empty(t, stderr.String())

	before, err := os.ReadFile(file)
	require.NoError(t, err)
	stdout.Reset()
	require.Equal(t, exitFailure, run([]string{"keygen", "--out", file}, nil, &stdout, &stderr))
	require.Contains(t, stderr.String(), "not overwritten")
	require.Empty(t, stdout.String())
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestKeygenInNoFolder(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitFailure, run([]string{"keygen", "--out", filepath.Join(t.TempDir(), "no", "key")}, nil, &stdout, &stderr))
	require.Empty(t, stdout.String())
}

// A key file that others can read still works.
func TestReadableKeyFileIsWarnedOf(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no permission bits here")
	}
	id := newIdentity(t, t.TempDir(), "key")
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true, 0o644: true} {
		require.NoError(t, os.Chmod(id.file, mode))
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitOK, run([]string{"pubkey", id.file}, nil, &stdout, &stderr))
		require.Equal(t, id.public+"\n", stdout.String())
		require.Equal(t, warned, bytes.Contains(stderr.Bytes(), []byte("chmod 600")), "mode %o", mode)
	}
}
