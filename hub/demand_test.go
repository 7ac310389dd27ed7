package hub

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// OnDemand is called after each declaration and when the demand has changed: a publisher that
// then sends its map, a Reliable update, reaches a subscriber that has restarted, and one that
// subscribes again after the hub has.
func TestOnDemand(t *testing.T) {
	w := newWorld(t, fleetAccess())
	terrain := bytes.Repeat([]byte("m"), 20<<10)
	var events []bool
	robot := w.join("robot-1", func(cfg *ClientConfig) {
		cfg.OnDemand = func(p *Publication, wanted bool) {
			require.Equal(t, "map", p.Topic().Name)
			require.Equal(t, wanted, p.Wanted())
			events = append(events, wanted)
			if wanted {
				require.NoError(t, p.Send(terrain))
			}
		}
	})
	declared := robot.declare(Topic{Name: "map", Intent: intentra.Reliable, Priority: intentra.Low})
	w.pass(time.Second)
	require.Equal(t, []bool{false}, events)
	require.NoError(t, declared.Send(terrain))
	require.EqualValues(t, 1, declared.Unwanted(), "an update without a subscriber is not sent")

	viewer := w.join("viewer")
	maps := func(s *Stream) (n int) {
		for _, text := range s.read() {
			require.Equal(t, fmt.Sprintf("robot-1/map %s", terrain), text)
			n++
		}
		return n
	}
	s := viewer.subscribe(Subscription{Pattern: "robot-*/map"})
	w.pass(time.Second)
	require.Equal(t, 1, maps(s))
	require.Equal(t, []bool{false, true}, events)

	require.NoError(t, viewer.node.Restart()) // without a farewell
	viewer.dial()
	s = viewer.subscribe(Subscription{Pattern: "robot-*/map"})
	w.pass(time.Second)
	require.Equal(t, 1, maps(s))
	require.Equal(t, []bool{false, true, false, true}, events)

	events = nil
	require.NoError(t, w.hubNode.Restart())
	w.pass(10 * time.Second)
	require.Equal(t, 1, maps(s))
	require.True(t, events[len(events)-1])

	events = nil
	s.Close()
	w.pass(7 * time.Millisecond) // the hub's answer is on its way
	declared.Close()
	w.pass(time.Second)
	require.Empty(t, events, "of a topic that was retracted")
}

// TestLatestValueIsUnwantedUntilItFollows: of the values of a topic without a subscriber, the newest
// is sent when it gets one, and then no longer counts as unwanted.
func TestLatestValueIsUnwantedUntilItFollows(t *testing.T) {
	w := newWorld(t, fleetAccess())
	pose := w.join("robot-1").declare(Topic{Name: "pose", Intent: intentra.Latest})
	w.pass(time.Second)
	for i := range 3 {
		require.NoError(t, pose.Send(fmt.Append(nil, i)))
	}
	require.EqualValues(t, 3, pose.Unwanted())
	viewer := w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "robot-1/pose"})
	w.pass(time.Second)
	require.Equal(t, []string{"robot-1/pose 2"}, s.read())
	require.EqualValues(t, 2, pose.Unwanted())

	require.NoError(t, w.hubNode.Restart()) // the value follows again, and was counted once
	w.pass(10 * time.Second)
	require.EqualValues(t, 2, pose.Unwanted())
	require.NoError(t, pose.Send([]byte("3")))
	w.pass(time.Second)
	require.EqualValues(t, 2, pose.Unwanted())
}
