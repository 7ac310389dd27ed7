//go:build unix

package main

import (
	"os"
	"os/signal"
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
		{"hub", "--listen", "127.0.0.1:0", "--key", pipe, "--access", "any"},
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
	listen := []string{"--listen", "127.0.0.1:0", "--key", s.server.file}
	sub := append([]string{"sub", "--allow", pipe}, listen...)
	hub := append([]string{"hub", "--access", pipe}, listen...)
	for _, args := range [][]string{{"pubkey", pipe}, sub, hub} {
		for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
			r := startProcess(t, nil, nil, args...)
			f := writer()
			r.signal(sig)
			r.fail(exitFailure, "interrupted while reading", pipe)
			require.NoError(t, f.Close())
		}
	}

	r := startProcess(t, nil, nil, hub...)
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

// A SIGHUP that comes before the list was read does not end the command, and is not lost: the
// list is read again as soon as the command listens. Without a list it ends the command.
func TestHangupAtTheStart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pipe := namedPipe(t, s.dir)
	key, err := os.ReadFile(s.server.file)
	require.NoError(t, err)
	write := func(r *running) {
		f, err := os.OpenFile(pipe, os.O_WRONLY, 0) // returns when the command has opened it
		require.NoError(t, err)
		r.signal(syscall.SIGHUP)
		_, _ = f.Write(key) // fails if the command has ended
		require.NoError(t, f.Close())
	}
	for _, args := range [][]string{{"hub", "--access"}, {"sub", "--allow"}} {
		r := startProcess(t, nil, nil, append(args, s.allow, "--listen", "127.0.0.1:0", "--key", pipe)...)
		write(r)
		r.address()
		r.stderr.line(t, "list reloaded")
		r.signal(syscall.SIGTERM)
		r.succeed()
	}
	// A process inherits that a signal is ignored, as below nohup, but not that it is caught.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	defer signal.Stop(caught)
	r := startProcess(t, nil, nil, s.connect("sub", "127.0.0.1:1", identity{file: pipe})...)
	f, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	require.NoError(t, err)
	r.signal(syscall.SIGHUP)
	require.Equal(t, -1, r.wait(), "killed by the signal")
	require.NoError(t, f.Close())
}

// A SIGHUP before a command has found that it has no list is an interrupt.
func TestReleasedHangups(t *testing.T) {
	e := &environment{}
	require.NoError(t, e.releaseHangups())
	e.hangups = &hangups{signals: make(chan os.Signal, 1)}
	e.hangups.signals <- syscall.SIGHUP
	require.ErrorIs(t, e.releaseHangups(), errInterrupted)
	e.hangups = &hangups{signals: make(chan os.Signal, 1)}
	require.NoError(t, e.releaseHangups())
	require.Same(t, e.hangups, e.takeHangups())
}
