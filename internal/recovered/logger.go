package recovered

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// Logger returns l with a handler that recovers from panics and counts them, and
// calls of runtime.Goexit. A record at which l's handler panics is lost.
func Logger(l *slog.Logger, panics *atomic.Uint64) *slog.Logger {
	return slog.New(handler{l.Handler(), panics})
}

type handler struct {
	slog.Handler
	panics *atomic.Uint64
}

func (h handler) Enabled(ctx context.Context, level slog.Level) (enabled bool) {
	returned := false
	defer h.recover(&returned)
	enabled = h.Handler.Enabled(ctx, level)
	returned = true
	return enabled
}

func (h handler) Handle(ctx context.Context, r slog.Record) (err error) {
	returned := false
	defer h.recover(&returned)
	err = h.Handler.Handle(ctx, r)
	returned = true
	return err
}

func (h handler) WithAttrs(attrs []slog.Attr) (with slog.Handler) {
	returned := false
	defer h.recover(&returned)
	with = h
	with = handler{h.Handler.WithAttrs(attrs), h.panics}
	returned = true
	return with
}

func (h handler) WithGroup(name string) (with slog.Handler) {
	returned := false
	defer h.recover(&returned)
	with = h
	with = handler{h.Handler.WithGroup(name), h.panics}
	returned = true
	return with
}

// recover is deferred, and counts a call that has not returned.
func (h handler) recover(returned *bool) {
	if !*returned {
		_ = recover()
		h.panics.Add(1)
	}
}
