package intentra

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// guardLogger returns l with a handler that recovers panics and counts them.
func guardLogger(l *slog.Logger, panics *atomic.Uint64) *slog.Logger {
	return slog.New(recoveringHandler{l.Handler(), panics})
}

// recoveringHandler wraps the handler of the user's logger. A panic in it loses the
// record and is counted.
type recoveringHandler struct {
	slog.Handler
	panics *atomic.Uint64
}

func (h recoveringHandler) Enabled(ctx context.Context, level slog.Level) (enabled bool) {
	defer h.recover()
	return h.Handler.Enabled(ctx, level)
}

func (h recoveringHandler) Handle(ctx context.Context, r slog.Record) error {
	defer h.recover()
	return h.Handler.Handle(ctx, r)
}

func (h recoveringHandler) WithAttrs(attrs []slog.Attr) (with slog.Handler) {
	with = h
	defer h.recover()
	return recoveringHandler{h.Handler.WithAttrs(attrs), h.panics}
}

func (h recoveringHandler) WithGroup(name string) (with slog.Handler) {
	with = h
	defer h.recover()
	return recoveringHandler{h.Handler.WithGroup(name), h.panics}
}

func (h recoveringHandler) recover() {
	if recover() != nil {
		h.panics.Add(1)
	}
}
