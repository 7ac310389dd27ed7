package hub

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// A publisher that sends as fast as SendWait lets it loses no update to the limits of its hub,
// also if they come in bunches.
func TestSendWaitKeepsToLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limits Limits
		size   int
	}{
		"updates": {Limits{Updates: 1000}, 10},
		"bytes":   {Limits{Bytes: 1 << 20}, 4000},
	} {
		t.Run(name, func(t *testing.T) {
			w, one, s := limited(t, c.limits)
			require.Equal(t, PublishLimits{w.hub.core.limits.Updates, w.hub.core.limits.Bytes}, one.Limits())
			pub := one.declare(Topic{Name: "state", Intent: intentra.Realtime})
			w.pass(second)
			sent, got := 0, 0
			stop := w.Every(time.Millisecond, func() {
				for one.pace.wait(c.size, w.Elapsed()) == 0 {
					require.NoError(t, pub.SendWait(context.Background(), make([]byte, c.size)))
					sent++
				}
			})
			for i := range 6 {
				if i == 3 {
					w.SetLinks(one.node, w.hubNode, sim.Link{Delay: 5 * time.Millisecond, Jitter: 40 * time.Millisecond})
				}
				w.pass(second)
				got += len(s.read())
			}
			stop()
			w.pass(second)
			got += len(s.read())
			require.Zero(t, w.hub.Stats().Drops)
			require.Zero(t, one.Stats().Excess)
			require.Equal(t, sent, got)
			if c.limits.Updates > 0 {
				require.Greater(t, sent, c.limits.Updates*6*9/10)
			}
		})
	}
}

// SendWait waits as long as its context allows, and without limits, subscribers or a
// connection not for the limits.
func TestSendWaitEnds(t *testing.T) {
	w, one, _ := limited(t, Limits{Updates: 10})
	pub := one.declare(Topic{Name: "state", Intent: intentra.Realtime})
	unwanted := one.declare(Topic{Name: "log", Intent: intentra.Realtime})
	w.pass(second)
	unwanted.demand(false)
	over := errors.New("over")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(over)
	require.NoError(t, pub.SendWait(context.Background(), nil))
	require.ErrorIs(t, pub.SendWait(ctx, nil), over)
	require.NoError(t, unwanted.SendWait(ctx, nil))
	one.pace.set(nil)
	require.NoError(t, pub.SendWait(context.Background(), nil))
	require.Equal(t, PublishLimits{}, one.Limits())
}

// Send counts what exceeds the limits, Reliable updates excepted, which wait.
func TestExcessIsCounted(t *testing.T) {
	w, one, _ := limited(t, Limits{Updates: 100})
	state, log := one.declare(Topic{Name: "state", Intent: intentra.Realtime}), one.declare(Topic{Name: "log", Intent: intentra.Reliable})
	w.pass(second)
	for range 25 {
		require.NoError(t, state.Send(nil))
	}
	require.EqualValues(t, 15, one.Stats().Excess)
	for range 25 {
		require.NoError(t, log.Send(nil))
	}
	w.pass(2 * second)
	require.EqualValues(t, 15, one.Stats().Excess)
	require.EqualValues(t, 15, w.hub.Stats().Drops[DropUpdates])
}
