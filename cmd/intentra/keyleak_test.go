package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The command never prints a private key, whether it succeeds or fails, not even
// one that it was given in place of a file name.
func TestPrivateKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	files, err := filepath.Glob(filepath.Join(s.dir, "*.key"))
	require.NoError(t, err)
	require.Len(t, files, 5)
	var texts []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		texts = append(texts, strings.TrimSpace(string(b)))
	}
	bad := filepath.Join(s.dir, "bad")
	writeFile(t, bad, "key: "+texts[0]+"\n")
	require.NoError(t, os.Chmod(s.alice.file, 0o644)) // causes a warning

	var outputs []*transcript
	keep := func(r *running) *running {
		outputs = append(outputs, r.stdout, r.stderr)
		return r
	}
	hub := keep(s.listen(t, "hub"))
	addr := hub.address()
	sub := keep(start(t, nil, s.connect("sub", addr, s.bob, "--topic", "**", "--count", "1")...))
	sub.stderr.line(t, "connected")
	keep(start(t, strings.NewReader("hello\n"), s.connect("pub", addr, s.alice, "--intent", "reliable", "--topic", "text")...)).succeed()
	sub.succeed()
	require.NotZero(t, keep(start(t, strings.NewReader("hello\n"), s.connect("pub", addr, s.stranger)...)).wait())
	hub.interrupt()
	hub.succeed()

	for _, args := range [][]string{
		{"pubkey", s.alice.file},
		{"pubkey", bad},
		{"pubkey", texts[0]},
		{"pub", "--connect", addr, "--peer", s.server.public, "--key", texts[0]},
		{"hub", "--listen", ":0", "--access", "any", "--key", texts[0]},
		{"hub", "--listen", ":0", "--access", bad, "--key", s.server.file},
		{"keygen", "--out", s.server.file},
		{"demo", "--peers", "3", "--duration", "100ms"},
	} {
		var stdout, stderr bytes.Buffer
		run(args, strings.NewReader(""), &stdout, &stderr)
		require.NotZero(t, stdout.Len()+stderr.Len())
		for _, text := range texts {
			requireNoKey(t, text, stdout.String()+stderr.String())
		}
	}
	for _, tr := range outputs {
		for _, text := range texts {
			requireNoKey(t, text, tr.String())
		}
	}
}

// requireNoKey checks that the output does not contain the key in any form.
func requireNoKey(t *testing.T, text, printed string) {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	for _, trace := range []string{text[:16], hex.EncodeToString(key)[:16], strings.ToUpper(hex.EncodeToString(key)[:16]), string(key[:8])} {
		require.False(t, strings.Contains(printed, trace), "a private key was printed")
	}
}
