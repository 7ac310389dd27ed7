package load

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGateLimitsStatesUnderWay(t *testing.T) {
	g := newGate(100, 200)
	require.EqualValues(t, 400, g.window)
	g.sent.Store(399)
	require.True(t, g.open())
	g.sent.Store(400)
	require.False(t, g.open())
	now := time.Unix(0, 0)
	g.update(now, 1)
	require.True(t, g.open(), "one state has arrived")
	g.sent.Store(401)
	require.False(t, g.open())

	require.EqualValues(t, 1000, newGate(250, 200).window, "20 ms of the intended states")
	require.EqualValues(t, 8, newGate(2, 1).window)
}

// Lost states must not keep the gate closed for ever.
func TestGateGivesUpLostStates(t *testing.T) {
	g := newGate(1, 1)
	now := time.Unix(0, 0)
	g.sent.Store(4)
	g.update(now, 1)
	g.sent.Store(5)
	require.False(t, g.open())
	g.update(now.Add(gatePatience), 1)
	require.False(t, g.open())
	g.update(now.Add(gatePatience+1), 1)
	require.True(t, g.open())
	g.sent.Store(8)
	g.update(now.Add(2*gatePatience), 1)
	require.True(t, g.open(), "three are under way")
	g.sent.Store(9)
	require.False(t, g.open())
	g.update(now.Add(2*gatePatience), 2)
	require.True(t, g.open(), "a late arrival counts in addition to the states that were given up")
}
