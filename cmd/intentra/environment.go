package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
)

// environment holds the inputs and outputs of a command.
type environment struct {
	// ctx ends at the first interrupt.
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	// stderr may be written to by any goroutine.
	stderr io.Writer

	stdinTerminal, stdoutTerminal, stderrTerminal bool

	// hangups has caught SIGHUP since the start of a process that may read a list again;
	// otherwise it is nil.
	hangups *hangups
}

func newEnvironment(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) *environment {
	return &environment{
		ctx: ctx, stdin: stdin, stdout: stdout, stderr: &lockedWriter{w: stderr},
		stdinTerminal: isTerminal(stdin), stdoutTerminal: isTerminal(stdout), stderrTerminal: isTerminal(stderr),
	}
}

// logger returns a logger that writes to stderr. The transport's event loop
// waits for it, so only rare events may be logged.
func (e *environment) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: level}))
}

func (e *environment) warnf(format string, args ...any) {
	fmt.Fprintf(e.stderr, "intentra: warning: "+format+"\n", args...)
}

// untilInterrupted returns the result of read, or an error as soon as the
// command is interrupted. Opening a named pipe waits for its writer and cannot
// be cancelled, so after an interrupt read continues until the process ends.
func untilInterrupted[T any](e *environment, what string, read func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	ended := make(chan outcome, 1)
	go func() {
		value, err := read()
		ended <- outcome{value, err}
	}()
	select {
	case o := <-ended:
		return o.value, o.err
	case <-e.ctx.Done():
		var none T
		return none, fmt.Errorf("%w while reading %s", errInterrupted, what)
	}
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

// isTerminal reports whether stream is a terminal. It treats every character device
// except the null device as one, which works on all operating systems.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
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
