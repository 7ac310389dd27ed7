package trial

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/load"
)

// counter is a client that only counts.
type counter struct {
	sent             map[int]int
	flushes, waiting int
	each             time.Duration // what a message takes
}

func (c *counter) Send(i int, _ []byte, wait bool) bool {
	c.sent[i]++
	if wait {
		c.waiting++
	}
	time.Sleep(c.each)
	return i != 2
}

func (c *counter) Flush(int) { c.flushes++ }

func (*counter) Lanes() int { return 1 }

func (*counter) Close() error { return nil }

func run(t *testing.T, rate float64, length, each time.Duration) (c *counter, sent, refused uint64, took time.Duration) {
	c = &counter{sent: map[int]int{}, each: each}
	l := &lane{client: c, connections: []int{0, 1, 2}, payload: make([]byte, 32)}
	start := load.Now()
	sent, refused = l.run(t.Context(), start, rate, length)
	return c, sent, refused, load.Now() - start
}

func TestLaneKeepsToItsRate(t *testing.T) {
	for _, rate := range []float64{10, 999, 50_000} {
		synctest.Test(t, func(t *testing.T) {
			c, sent, refused, _ := run(t, rate, 3*time.Second, 0)
			require.EqualValues(t, 3*rate, sent)
			require.EqualValues(t, c.sent[2], refused)
			require.InDelta(t, c.sent[0], c.sent[1], 1, "connections take turns")
			require.Zero(t, c.waiting)
			require.NotZero(t, c.flushes)
		})
	}
}

// As fast as it goes, it waits rather than have messages dropped, and ends in
// time.
func TestLaneFlatOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		each := 10 * time.Microsecond
		c, sent, _, took := run(t, 0, time.Second, each)
		require.InDelta(t, 100_000, sent, burst)
		require.InDelta(t, time.Second, took, float64(burst*each))
		require.EqualValues(t, sent, c.waiting)
	})
}
