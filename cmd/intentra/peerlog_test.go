package main

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/wire"
)

// blockedWriter is a stderr that blocks every write until release is closed.
type blockedWriter struct {
	*transcript
	writing, release chan struct{}
}

func (s *blockedWriter) Write(b []byte) (int, error) {
	select {
	case s.writing <- struct{}{}:
	default:
	}
	<-s.release
	return s.transcript.Write(b)
}

// The event loop never waits for the log; events that do not fit are counted.
func TestPeerLogNeverBlocks(t *testing.T) {
	w := &blockedWriter{newTranscript(), make(chan struct{}, 1), make(chan struct{})}
	l := newPeerLog(slog.New(slog.NewTextHandler(w, nil)), func(intentra.PublicKey) string { return "bob" })
	hub := listenLoopback(t)
	p := dialLoopback(t, hub, intentra.Config{})
	l.add(intentra.PeerEvent{Peer: p, Kind: intentra.PeerUp})
	l.add(intentra.PeerEvent{Peer: p, Kind: intentra.PeerRestarted, Session: 2})
	<-w.writing
	for range peerLogDepth + 6 {
		l.add(intentra.PeerEvent{Peer: p, Kind: intentra.PeerDown, Reason: wire.CloseIdle})
	}
	close(w.release)
	l.close()
	text := w.String()
	require.Equal(t, 1, strings.Count(text, `"peer connected"`))
	require.Equal(t, 1, strings.Count(text, `"peer connected after a restart"`))
	require.Equal(t, peerLogDepth-1, strings.Count(text, "peer disconnected"))
	require.Contains(t, text, "reason=idle")
	require.Contains(t, text, "name=bob")
	require.Contains(t, text, "missed=7")
}
