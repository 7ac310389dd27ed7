package main

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/wire"
)

// stuck is a stderr that takes nothing until it is let go.
type stuck struct {
	*transcript
	writing, release chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) {
	select {
	case s.writing <- struct{}{}:
	default:
	}
	<-s.release
	return s.transcript.Write(b)
}

// The event loop never waits for the log; what does not fit is counted.
func TestPeerLogNeverBlocks(t *testing.T) {
	w := &stuck{newTranscript(), make(chan struct{}, 1), make(chan struct{})}
	l := newPeerLog(slog.New(slog.NewTextHandler(w, nil)), func(intentra.PublicKey) string { return "somebody" })
	hub := startRelay(t, newRelay(), intentra.Config{})
	p := dialRelay(t, hub, intentra.Config{})
	l.add(intentra.PeerEvent{Peer: p, Up: true})
	<-w.writing
	for range peerLogDepth + 7 {
		l.add(intentra.PeerEvent{Peer: p, Reason: wire.CloseIdle})
	}
	close(w.release)
	l.close()
	text := w.String()
	require.Equal(t, 1, strings.Count(text, "peer connected"))
	require.Equal(t, peerLogDepth, strings.Count(text, "peer disconnected"))
	require.Contains(t, text, "reason=idle")
	require.Contains(t, text, "name=somebody")
	require.Contains(t, text, "missed=7")
}
