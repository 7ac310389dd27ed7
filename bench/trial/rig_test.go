package trial_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/trial"
)

var shape = trial.Shape{Connections: 3, Senders: 2, Size: 128, Buffer: 1 << 20}

const short = 50 * time.Millisecond

// With every contender, in processes of its own as in a comparison, the counts of
// senders and receiver agree.
func TestRig(t *testing.T) {
	for _, c := range trial.Available() {
		t.Run(c.Name(), func(t *testing.T) {
			ctx := t.Context()
			r, err := trial.Open(ctx, c, shape)
			require.NoError(t, err)
			defer r.Close()

			p, err := r.Offer(ctx, 1000, short)
			require.NoError(t, err)
			require.NotZero(t, p.Sent)
			require.LessOrEqual(t, p.Sent, uint64(1000*short.Seconds()+2), "a sender rounds up by at most one message")
			require.Equal(t, p.Sent, p.Delivered, "%v", p.Drops)
			require.EqualValues(t, 1, p.Delivery)
			require.Empty(t, p.Drops)
			require.Positive(t, p.ReceiverNs)
			require.Positive(t, p.SenderNs)

			flat, err := r.Offer(ctx, 0, short)
			require.NoError(t, err)
			require.LessOrEqual(t, flat.Delivered, flat.Sent)
			require.NotZero(t, flat.Delivered)

			f, err := r.Facts(ctx)
			require.NoError(t, err)
			require.Zero(t, f.Drops["forged"])
		})
	}
}

func TestRoundTripsAreCounted(t *testing.T) {
	for _, name := range []string{"intentra", "udp"} {
		r := open(t, name)
		require.Eventually(t, func() bool {
			trip, _, err := r.RoundTrips(t.Context(), 0, short)
			require.NoError(t, err)
			return trip.Count > 0 && trip.P50us > 0 && trip.P99us >= trip.P50us
		}, 20*time.Second, time.Millisecond)
		trip, load, err := r.RoundTrips(t.Context(), 500, short)
		require.NoError(t, err)
		require.NotZero(t, load.Sent)
		require.Equal(t, load.Sent, load.Delivered, "echoes do not count as deliveries: %+v", trip)
	}
}

func TestHandshakes(t *testing.T) {
	r := open(t, "intentra")
	rate, ok, err := r.Handshakes(t.Context(), time.Millisecond)
	require.NoError(t, err)
	require.True(t, ok)
	require.Zero(t, rate.Failed, rate.Error)
	require.Positive(t, rate.PerSecond)

	_, ok, err = open(t, "udp").Handshakes(t.Context(), time.Millisecond)
	require.NoError(t, err)
	require.False(t, ok)
}

// An interrupt ends a measurement at once, and no process remains after Close.
func TestInterrupt(t *testing.T) {
	r := open(t, "udp")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(short, cancel)
	_, err := r.Offer(ctx, 100, time.Hour)
	require.ErrorIs(t, err, context.Canceled)
	r.Close()
	_, err = r.Facts(t.Context())
	require.Error(t, err)
}

func TestOpenUnknownContender(t *testing.T) {
	_, err := trial.Open(t.Context(), unknown{}, shape)
	require.ErrorContains(t, err, `no contender "unknown"`)
}

// unknown is not in the trial.
type unknown struct{ contender.Contender }

func (unknown) Name() string { return "unknown" }

func open(t *testing.T, name string) *trial.Rig {
	t.Helper()
	c, err := trial.Find(name)
	require.NoError(t, err)
	r, err := trial.Open(t.Context(), c, shape)
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return r
}
