package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
)

// environment is what a command has of the world.
type environment struct {
	// ctx ends at the first interrupt.
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	// stderr may be written to by any goroutine.
	stderr io.Writer

	stdoutTerminal, stderrTerminal bool
}

// logger returns a logger on stderr. The transport's loop writes to it, so it
// is for what is rare.
func (e *environment) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: level}))
}

func (e *environment) warnf(format string, args ...any) {
	fmt.Fprintf(e.stderr, "intentra: warning: "+format+"\n", args...)
}

// lockedWriter lets goroutines share a writer.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// isTerminal reports whether somebody looks at w. It takes a character device
// other than the null device for a terminal, which needs no code for single
// operating systems.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
