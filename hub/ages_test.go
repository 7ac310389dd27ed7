package hub

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// ages returns how many ages are counted, and how many of them are above low and at most high.
func (w *world) ages(low, high time.Duration) (all, within uint64) {
	for i, n := range w.hub.Stats().Ages {
		all += n
		if i < ageBuckets && ageBounds[i] > low && (i == 0 || ageBounds[i-1] < high) {
			within += n
		}
	}
	return all, within
}

// The hub counts the ages of updates with a stamp once each, those of other hubs too, and
// knows how many topics have one.
func TestAgesAreCounted(t *testing.T) {
	w, _ := newFleetWorld(t)
	robot, viewer := w.join("robot"), w.join("viewer")
	w.SetLink(robot.node, w.hubNode, sim.Link{Delay: 30 * time.Millisecond})
	w.pass(time.Second)
	viewer.subscribe(Subscription{Pattern: "**"})
	plain := robot.declare(Topic{Name: "plain"})
	require.Zero(t, w.hub.Stats().Stamped)
	stamped := robot.declare(Topic{Name: "stamped", Stamp: true})
	require.Equal(t, 1, w.hub.Stats().Stamped)
	w.until(func() bool { return stamped.Wanted() && plain.Wanted() })
	require.NoError(t, stamped.Send([]byte("the clock of the robot is not known yet")))
	w.pass(time.Second)
	before, _ := w.ages(0, time.Hour)
	for range 20 {
		require.NoError(t, plain.Send([]byte("1")))
		require.NoError(t, stamped.Send([]byte("1")))
		w.pass(50 * time.Millisecond)
	}
	w.pass(time.Second)
	all, _ := w.ages(0, time.Hour)
	require.EqualValues(t, 20, all-before)
	_, near := w.ages(15*time.Millisecond, 60*time.Millisecond) // a bound of half a round trip
	require.GreaterOrEqual(t, near, uint64(20))
	list, _ := w.hub.Survey(nil, "", 10)
	require.Len(t, list, 2)
	require.False(t, list[0].Stamp || list[0].Age.Known, list[0].Path)
	require.True(t, list[1].Stamp && list[1].Age.Known, list[1].Path)
	require.LessOrEqual(t, (list[1].Age.Age - 30*time.Millisecond).Abs(), list[1].Age.Within)

	far := keyOf("far").Public()
	w.hub.Remote(func(r *Remote) {
		r.Connect(far, 0)
		require.True(t, r.Declare(far, Topic{Name: "pose", Intent: intentra.Latest, Stamp: true}))
		require.Equal(t, 2, w.hub.core.stats.Stamped)
		r.Update(far, "pose", []byte("x"), Age{Known: true, Age: 3 * time.Second})
		r.Update(far, "pose", []byte("x"), Age{Known: true, Age: -time.Millisecond})
		r.Update(far, "pose", []byte("x"), Age{})
	})
	ages := w.hub.Stats().Ages
	require.EqualValues(t, 1, ages[ageBuckets], "above all bounds")
	require.EqualValues(t, 1, ages[0], "below zero")
	last, _ := w.ages(0, time.Hour)
	require.EqualValues(t, 2, last-all)

	stamped.Close()
	w.pass(time.Second)
	require.Equal(t, 1, w.hub.Stats().Stamped)
	w.hub.Remote(func(r *Remote) { r.Retract(far, "pose") })
	require.Zero(t, w.hub.Stats().Stamped)
}

// Each bound belongs to its own bucket.
func TestAgeBounds(t *testing.T) {
	bounds := AgeBounds()
	require.Len(t, bounds, len(Stats{}.Ages)-1)
	require.True(t, slices.IsSorted(bounds))
	require.Equal(t, 2048*time.Millisecond, bounds[len(bounds)-1])
	c := newCore(Config{})
	for i, b := range bounds {
		c.arrived(&topic{}, &update{stamp: stamp{known: true, at: -b}}, 0)
		require.EqualValues(t, 1, c.stats.Ages[i])
		c.arrived(&topic{}, &update{stamp: stamp{known: true, at: -b - 1}}, 0)
		require.EqualValues(t, 1, c.stats.Ages[i+1])
		c.stats.Ages[i+1] = 0
	}
}
