//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// namedPipe creates a named pipe without a writer.
func namedPipe(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	return path
}

// releaseReaders opens the pipe at the end of the test, so that reads that still
// wait for a writer return.
func releaseReaders(t *testing.T, pipe string) {
	t.Cleanup(func() {
		f, err := os.OpenFile(pipe, os.O_RDWR, 0) // does not wait for the other end
		require.NoError(t, err)
		require.NoError(t, f.Close())
	})
}

// An interrupt ends a command that waits for the other end of a named pipe to be
// opened.
func TestInterruptedReading(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pipe := namedPipe(t, s.dir)
	for _, args := range [][]string{
		{"pubkey", pipe},
		s.connect("pub", "127.0.0.1:1", identity{file: pipe}),
		s.connect("sub", "127.0.0.1:1", identity{file: pipe}),
		{"hub", "--listen", "127.0.0.1:0", "--key", pipe, "--allow", "any"},
		{"sim", "--script", pipe},
	} {
		r := start(t, strings.NewReader(""), args...)
		releaseReaders(t, pipe)
		r.interrupt()
		r.fail(exitFailure, "interrupted while reading", pipe)
	}
}

// A signal ends a command whose named pipe has a writer that does not write, at
// the start and while the allow list is reloaded.
func TestSignalWhileReading(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pipe := namedPipe(t, s.dir)
	writer := func() *os.File {
		f, err := os.OpenFile(pipe, os.O_WRONLY, 0) // returns when the command has opened it
		require.NoError(t, err)
		return f
	}
	listen := []string{"--listen", "127.0.0.1:0", "--key", s.server.file, "--allow", pipe}
	for _, args := range [][]string{{"pubkey", pipe}, append([]string{"sub"}, listen...), append([]string{"hub"}, listen...)} {
		for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
			r := startProcess(t, nil, nil, args...)
			f := writer()
			r.signal(sig)
			r.fail(exitFailure, "interrupted while reading", pipe)
			require.NoError(t, f.Close())
		}
	}

	r := startProcess(t, nil, nil, append([]string{"hub"}, listen...)...)
	f := writer()
	_, err := f.WriteString(s.alice.public + "\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	r.address()
	r.signal(syscall.SIGHUP)
	defer writer().Close()
	r.signal(syscall.SIGTERM)
	r.succeed()
}
