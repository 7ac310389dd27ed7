package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompletion(t *testing.T) {
	for shell, words := range map[string][]string{
		"bash": {"complete -F _intentra intentra", "'bench envelope'", "compgen -W 'realtime latest reliable'", "'keygen --out') compopt -o filenames"},
		"zsh":  {"#compdef intentra", ":FILE:_files'"},
		"fish": {"complete -c intentra", "-l intent -x -a 'realtime latest reliable'"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitOK, run([]string{"completion", shell}, nil, &stdout, &stderr), stderr.String())
		for _, w := range words {
			require.Contains(t, stdout.String(), w)
		}
	}
}

func TestMan(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run([]string{"man", "--dir", dir}, nil, &stdout, &stderr), stderr.String())
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	require.NoError(t, err)
	require.Greater(t, len(pages), 15)
	for _, tt := range []struct{ words, file string }{{"man", "intentra.1"}, {"man hub", "intentra-hub.1"}, {"man config check", "intentra-config-check.1"}} {
		stdout.Reset()
		require.Equal(t, exitOK, run(strings.Fields(tt.words), nil, &stdout, &stderr), stderr.String())
		text, err := os.ReadFile(filepath.Join(dir, tt.file))
		require.NoError(t, err)
		require.Equal(t, string(text), stdout.String())
	}
	require.Equal(t, exitUsage, run([]string{"man", "fly"}, nil, &stdout, &stderr))
	require.Contains(t, stderr.String(), `unknown command "fly"`)
	require.Equal(t, exitFailure, run([]string{"man", "--dir", filepath.Join(dir, "none")}, nil, &stdout, &stderr))
}
