package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
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
	require.Equal(t, exitUsage, run([]string{"keygen", "--out", file}, nil, &stdout, &stderr))
	require.Contains(t, stderr.String(), "not overwritten")
	require.Empty(t, stdout.String())
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestKeygenInNoFolder(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitUsage, run([]string{"keygen", "--out", filepath.Join(t.TempDir(), "no", "key")}, nil, &stdout, &stderr))
	require.Empty(t, stdout.String())
}

// A key file that other users can read or replace still works, with a warning.
func TestWarningAboutKeyFileOfOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no permission bits here")
	}
	id := newIdentity(t, t.TempDir(), "key")
	for mode, can := range map[os.FileMode]string{
		0o600: "", 0o400: "", 0o700: "", 0o640: "read", 0o604: "read", 0o644: "read",
		0o620: "replace", 0o602: "replace", 0o666: "read and replace", 0o624: "read and replace",
	} {
		require.NoError(t, os.Chmod(id.file, mode))
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitOK, run([]string{"pubkey", id.file}, nil, &stdout, &stderr))
		require.Equal(t, id.public+"\n", stdout.String())
		if can == "" {
			require.Empty(t, stderr.String(), "mode %o", mode)
			continue
		}
		require.Equal(t, fmt.Sprintf("intentra: warning: other users can %s the private key in %s (mode %04o); run 'chmod 600' on it\n",
			can, id.file, mode), stderr.String())
	}
}

func TestKeygenWithoutAName(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitUsage, run([]string{"keygen", "--out", ""}, nil, &stdout, &stderr))
	require.Contains(t, stderr.String(), "--out: the file name is empty")
	require.Empty(t, stdout.String())
}

// A key whose public half could not be printed exists nevertheless, and the
// message says where it is and how to print it.
func TestKeygenOutputFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitFailure, run([]string{"keygen", "--out", file}, nil, brokenOutput{syscall.ENOSPC}, &stderr))
	require.Equal(t, "intentra: keygen: the private key is in "+file+", but its public key could not be printed, "+
		"as 'intentra pubkey' can do again: "+syscall.ENOSPC.Error()+"\n", stderr.String())
	require.Equal(t, exitOK, run([]string{"pubkey", file}, nil, &stdout, &stderr))
}

// A key file that could not be written is removed; a file that keygen has not
// created is not.
func TestKeygenRemovesWhatItCannotWrite(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no limit on the size of files here")
	}
	file := filepath.Join(t.TempDir(), "key")
	limited := exec.Command("sh", "-c", `ulimit -f 0 && exec "$0" keygen --out "$1"`, os.Args[0], file)
	limited.Env = append(os.Environ(), asCommand+"=1")
	out, err := limited.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, exitFailure, limited.ProcessState.ExitCode(), "%s", out)
	require.Contains(t, string(out), "writing key file "+file)
	require.NoFileExists(t, file)

	writeFile(t, file, "mine")
	err = &fs.PathError{Op: "open", Path: file, Err: fs.ErrPermission}
	require.Equal(t, err, removeUnfinished(file, err))
	require.FileExists(t, file)
}

// A name is checked before a file is written; an empty one most likely comes from a variable
// that was never set.
func TestKeygenWrongName(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	for name, want := range map[string]string{"": "empty", "a\nb": "not printable", "a publish": "the word"} {
		start(t, nil, "keygen", "--out", file, "--name", name).fail(exitUsage, "--name", want)
	}
	require.NoFileExists(t, file)
}
