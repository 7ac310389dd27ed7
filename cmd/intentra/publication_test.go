package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// Reliable messages that nobody has acknowledged are a failure, others are not.
func TestUnacknowledged(t *testing.T) {
	t.Parallel()
	for intent, fails := range map[intentra.Intent]bool{intentra.Reliable: true, intentra.Latest: false} {
		hub := startRelay(t, newRelay(), intentra.Config{})
		p := &publication{peer: dialRelay(t, hub, intentra.Config{})}
		require.NoError(t, hub.Close())
		require.NotEqual(t, intentra.Dropped, p.peer.Send(intentra.Message{Intent: intent}).Status)
		p.lines.Add(1)
		err := p.finish(intent, time.Millisecond)
		if fails {
			require.ErrorContains(t, err, "1 reliable messages")
		} else {
			require.NoError(t, err)
		}
		require.Zero(t, p.summary().Acked)
	}
}
