package recovered

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// Logger returns l with a handler that recovers from panics and counts them. A
// record at which l's handler panics is lost.
func Logger(l *slog.Logger, panics *atomic.Uint64) *slog.Logger {
	return slog.New(handler{l.Handler(), panics})
}

type handler struct {
	slog.Handler
	panics *atomic.Uint64
}

func (h handler) Enabled(ctx context.Context, level slog.Level) (enabled bool) {
	defer h.recover()
	return h.Handler.Enabled(ctx, level)
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	defer h.recover()
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) (with slog.Handler) {
	with = h
	defer h.recover()
	return handler{h.Handler.WithAttrs(attrs), h.panics}
}

func (h handler) WithGroup(name string) (with slog.Handler) {
	with = h
	defer h.recover()
	return handler{h.Handler.WithGroup(name), h.panics}
}

func (h handler) recover() {
	if recover() != nil {
		h.panics.Add(1)
	}
}
