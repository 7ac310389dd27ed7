package main

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/wire"
)

// An uplink logs a lost connection, a new one, and a restart of the other side, but
// not the first connection.
func TestUplinkLogsReconnectsAndRestarts(t *testing.T) {
	out := newTranscript()
	u, ctx := newUplink(context.Background(), slog.New(slog.NewTextHandler(out, nil)))
	p := loopback.Dial(t, loopback.Listen(t, intentra.Config{}), intentra.Config{})
	up := intentra.PeerEvent{Peer: p, Kind: intentra.PeerUp}
	restarted := intentra.PeerEvent{Peer: p, Kind: intentra.PeerRestarted}
	lost := intentra.PeerEvent{Peer: p, Kind: intentra.PeerDown, Reason: wire.CloseLost, Reconnecting: true}
	u.peerEvent(up)
	require.Empty(t, out.String())
	u.peerEvent(lost)
	require.Contains(t, out.String(), "connection lost")
	u.peerEvent(up)
	require.Contains(t, out.String(), "msg=reconnected")
	require.NotContains(t, out.String(), "restarted")
	u.peerEvent(restarted)
	require.Contains(t, out.String(), "the other side has restarted")
	require.NotContains(t, out.String(), "another process")
	lost.Reason = wire.CloseReplaced
	u.peerEvent(lost)
	require.Contains(t, out.String(), "another process uses our key")
	require.NoError(t, ctx.Err())
	u.peerEvent(intentra.PeerEvent{Peer: p, Kind: intentra.PeerDown, Reason: wire.CloseNormal})
	require.Error(t, ctx.Err())
	require.ErrorContains(t, u.failure(), "closed")
}
