package main

import (
	"context"
	"log/slog"

	"github.com/intentra/intentra"
)

// namedLog is a log handler that adds the attribute name to records with the attribute
// peer, for the log of a transport, which knows keys alone.
type namedLog struct {
	slog.Handler
	name func(intentra.PublicKey) string
}

// named returns a logger that adds the names of peers.
func named(log *slog.Logger, name func(intentra.PublicKey) string) *slog.Logger {
	return slog.New(namedLog{log.Handler(), name})
}

// Handle implements [slog.Handler].
func (l namedLog) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if name := l.of(a); name != "" {
			r = r.Clone()
			r.AddAttrs(slog.String("name", name))
			return false
		}
		return true
	})
	return l.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (l namedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if name := l.of(a); name != "" {
			attrs = append(attrs[:len(attrs):len(attrs)], slog.String("name", name))
			break
		}
	}
	return namedLog{l.Handler.WithAttrs(attrs), l.name}
}

// WithGroup implements [slog.Handler].
func (l namedLog) WithGroup(name string) slog.Handler {
	return namedLog{l.Handler.WithGroup(name), l.name}
}

// of returns the name of the peer that the attribute is about, or an empty string.
func (l namedLog) of(a slog.Attr) string {
	if a.Key != "peer" {
		return ""
	}
	key, err := intentra.ParsePublicKey(a.Value.String())
	if err != nil {
		return ""
	}
	return l.name(key)
}
