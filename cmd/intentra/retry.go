package main

import (
	"context"
	"log/slog"

	"github.com/intentra/intentra"
)

// retryFlag is the flag of pub and sub that lets them start before the other side. It
// is off by default, so that a wrong key or address ends a script.
type retryFlag struct {
	Retry bool `help:"If the other side does not answer, or refuses us when we dial, try again until it does, and log each failed attempt. A key that is revoked later ends the command. Without this flag one failed attempt ends the command with exit code 1."`
}

// apply has cfg dial addr again, and log failed attempts and errors to e.
func (f retryFlag) apply(e *environment, addr dialAddress, cfg *intentra.Config) {
	if f.Retry {
		cfg.RetryDial = true
		cfg.Logger = slog.New(attemptLog{e.logger(slog.LevelInfo).Handler(), addr})
	}
}

// attemptsAttr is an attribute of the records of failed attempts, and of no others.
const attemptsAttr = "attempts"

// attemptLog is a log handler that passes on errors, and failed attempts to dial, with
// the address. Of the rest, an uplink logs what concerns the user.
type attemptLog struct {
	slog.Handler
	addr dialAddress
}

// Handle implements [slog.Handler].
func (l attemptLog) Handle(ctx context.Context, r slog.Record) error {
	attempt := false
	r.Attrs(func(a slog.Attr) bool {
		attempt = attempt || a.Key == attemptsAttr
		return !attempt
	})
	switch {
	case attempt:
		r = r.Clone()
		r.AddAttrs(slog.String("addr", string(l.addr)))
	case r.Level < slog.LevelError:
		return nil
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (l attemptLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return attemptLog{l.Handler.WithAttrs(attrs), l.addr}
}

// WithGroup implements [slog.Handler].
func (l attemptLog) WithGroup(name string) slog.Handler {
	return attemptLog{l.Handler.WithGroup(name), l.addr}
}
