package hub

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// The hub does not collect timers: those that are due soon, of which there are many per second,
// leave the one that is due later alone.
func TestTimersAreFew(t *testing.T) {
	pending, most := 0, 0
	w := newWorld(t, line("robot", "")+line("viewer", "")+line("gone", ""), func(c *Config) {
		after := c.Clock.After
		c.Clock.After = func(d time.Duration, f func()) {
			pending++
			most = max(most, pending)
			after(d, func() {
				pending--
				f()
			})
		}
	})
	gone, robot, viewer := w.join("gone"), w.join("robot"), w.join("viewer")
	require.NoError(t, gone.Close()) // its timer is the later one
	pose := robot.declare(Topic{Name: "pose", Intent: intentra.Realtime})
	viewer.subscribe(Subscription{Pattern: "*/pose"})
	w.until(pose.Wanted)
	for range 300 {
		for range 3 { // the first is not gathered
			require.NoError(t, pose.Send([]byte("x")))
		}
		w.pass(10 * time.Millisecond)
	}
	w.pass(2 * time.Minute)
	require.LessOrEqual(t, most, 10)
	require.LessOrEqual(t, pending, 3)
}
