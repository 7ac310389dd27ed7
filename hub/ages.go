package hub

import (
	"math"
	"slices"
	"time"
)

// What we chose: two buckets for each power of two, from 62.5 microseconds to 2 seconds.
const (
	ageBuckets = 31
	lowestAge  = 62500 * time.Nanosecond
)

var ageBounds = AgeBounds()

// AgeBounds returns the upper bounds of the buckets of [Stats].Ages, in rising order.
func AgeBounds() []time.Duration {
	bounds := make([]time.Duration, ageBuckets)
	for i := range bounds {
		bounds[i] = time.Duration(float64(lowestAge) * math.Pow(2, float64(i)/2))
	}
	return bounds
}

// arrived counts the age of an update, if it is known, at the time at which the hub passes
// it on. An age below zero, which the bound on its error permits, counts as zero.
func (c *core) arrived(t *topic, u *update, now time.Duration) {
	t.age = u.stamp.exported(now)
	if !t.age.Known {
		return
	}
	i, _ := slices.BinarySearch(ageBounds, t.age.Age)
	c.stats.Ages[i]++
}
