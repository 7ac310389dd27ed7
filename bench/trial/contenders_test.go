package trial_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/trial"
	"github.com/intentra/intentra/internal/load"
)

// patience bounds operations that take much less time.
const patience = 30 * time.Second

// refusalTime is how long to wait for a connection that must not succeed.
const refusalTime = 300 * time.Millisecond

const (
	size        = 128
	connections = 3
	rounds      = 125 // more than there are messages between two samples
)

func setup(connections int) contender.Setup {
	return contender.Setup{Connections: connections, Size: size, Buffer: 1 << 20}
}

// Every contender delivers each message of a slow load exactly once.
func TestSlowLoadIsDelivered(t *testing.T) {
	for _, c := range trial.Available() {
		t.Run(c.Name(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			sink, to := serve(ctx, t, c)
			client := dial(ctx, t, c, to, nil)
			payload := make([]byte, size)
			for round := range rounds {
				for i := range connections {
					load.Stamp{At: load.Now()}.Put(payload)
					require.True(t, client.Send(i, payload, round%2 == 0))
				}
				for lane := range client.Lanes() {
					client.Flush(lane)
				}
				want := uint64((round + 1) * connections)
				require.Eventually(t, func() bool { return sink.Delivered() >= want }, patience, time.Millisecond)
				require.Equal(t, want, sink.Delivered())
			}
			require.Zero(t, sink.Wrong())
			require.NotZero(t, sink.Latency().Count())
		})
	}
}

// A message with EchoID comes back, and does not count as delivered.
func TestEchoComesBack(t *testing.T) {
	for _, c := range trial.Available() {
		if c.Name() == "raw-nogso" || c.Name() == "intentra-nogso" {
			continue // they measure throughput alone
		}
		t.Run(c.Name(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			sink, to := serve(ctx, t, c)
			back := make(chan time.Duration, 1)
			client := dial(ctx, t, c, to, func(_ contender.Client, b []byte) {
				if s, ok := load.ReadStamp(b); ok && s.ID == contender.EchoID && len(b) == size {
					back <- s.At
				}
			})
			payload := make([]byte, size)
			for at := range 20 * time.Nanosecond {
				load.Stamp{At: at, ID: contender.EchoID}.Put(payload)
				require.True(t, client.Send(0, payload, false))
				client.Flush(0)
				select {
				case got := <-back:
					require.Equal(t, at, got)
				case <-ctx.Done():
					t.Fatal("no echo")
				}
			}
			require.Zero(t, sink.Delivered())
		})
	}
}

func TestConnectors(t *testing.T) {
	connectors := 0
	for _, c := range trial.Available() {
		connector, ok := c.(contender.Connector)
		if !ok {
			continue
		}
		connectors++
		t.Run(c.Name(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, to := serve(ctx, t, c)
			for range 3 {
				require.NoError(t, connector.Connect(ctx, setup(0), to))
			}
		})
	}
	require.GreaterOrEqual(t, connectors, 3)
}

// A contender with a handshake accepts only the identity in its Target.
func TestConnectorsPinTheReceiver(t *testing.T) {
	for _, c := range trial.Available() {
		connector, ok := c.(contender.Connector)
		if !ok {
			continue
		}
		t.Run(c.Name(), func(t *testing.T) {
			_, to := serve(t.Context(), t, c)
			_, other := serve(t.Context(), t, c)
			to.Key = other.Key
			// intentra keeps trying, because the answer may have been forged.
			ctx, cancel := context.WithTimeout(t.Context(), refusalTime)
			defer cancel()
			require.Error(t, connector.Connect(ctx, setup(0), to))
		})
	}
}

func TestFind(t *testing.T) {
	require.Len(t, trial.Names(), 8)
	for _, c := range trial.Available() {
		found, err := trial.Find(c.Name())
		require.NoError(t, err)
		require.Equal(t, c, found)
		require.NotEmpty(t, c.Note())
	}
	_, err := trial.Find("tcp")
	require.ErrorContains(t, err, "quic-go")
	require.Len(t, trial.Available(), len(trial.Names())-len(trial.Missing()))
}

func serve(ctx context.Context, t *testing.T, c contender.Contender) (*contender.Sink, contender.Target) {
	t.Helper()
	sink := contender.NewSink(size)
	server, err := c.Serve(ctx, setup(connections), sink)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	for _, n := range server.Facts().Drops {
		require.Zero(t, n)
	}
	return sink, server.Target()
}

func dial(ctx context.Context, t *testing.T, c contender.Contender, to contender.Target,
	echo func(contender.Client, []byte)) contender.Client {
	t.Helper()
	client, err := c.Dial(ctx, setup(connections), to, echo)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	require.Positive(t, client.Lanes())
	require.LessOrEqual(t, client.Lanes(), connections)
	return client
}
