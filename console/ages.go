package console

import (
	"math"
	"slices"
	"time"

	"github.com/intentra/intentra/hub"
)

// AgeBounds returns the upper bounds of the buckets of [Config].Ages, in rising order. They
// are those of [hub.AgeBounds].
func AgeBounds() []time.Duration { return hub.AgeBounds() }

const ageBuckets = len(hub.Stats{}.Ages) - 1

// ageKind is what the ages of a page are.
type ageKind string

const (
	ageAtHandler ageKind = "age" // of updates, from origin to handler: [Config].Ages
	ageAtHub     ageKind = "hub" // of updates with a stamp when the hub passes them on
	ageOfTrips   ageKind = "rtt" // round-trip times of peers
)

// ageCounts are counts by bucket. The last one is of ages above all bounds.
type ageCounts [ageBuckets + 1]uint64

var ageBounds = AgeBounds()

// add counts d.
func (a *ageCounts) add(d time.Duration) {
	i, _ := slices.BinarySearch(ageBounds, d)
	a[i]++
}

// since returns by how much the counts have grown. Counts that have fallen, because the
// program began again, count as zero.
func (a *ageCounts) since(before *ageCounts) (grown ageCounts) {
	for i := range a {
		if a[i] > before[i] {
			grown[i] = a[i] - before[i]
		}
	}
	return grown
}

func (a *ageCounts) total() (n uint64) {
	for _, c := range a {
		n += c
	}
	return n
}

// quantile returns the q-quantile in milliseconds, interpolated within its bucket on a
// logarithmic scale, or NaN without counts. Ages above all bounds count as the highest.
func (a *ageCounts) quantile(q float64) float64 {
	total := a.total()
	if total == 0 {
		return math.NaN()
	}
	rank, below := q*float64(total), 0.0
	for i, n := range a[:ageBuckets] {
		if n > 0 && below+float64(n) >= rank {
			high := float64(ageBounds[i]) / 1e6
			return high * math.Pow(2, (math.Max(rank-below, 0)/float64(n)-1)/2)
		}
		below += float64(n)
	}
	return float64(ageBounds[ageBuckets-1]) / 1e6
}
