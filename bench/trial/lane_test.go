package trial

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/load"
)

// countingClient is a contender.Client that counts calls.
type countingClient struct {
	sent             map[int]int
	flushes, waiting int
	each             time.Duration // of a call of Send
}

func (c *countingClient) Send(i int, payload []byte, wait bool) bool {
	if s, _ := load.ReadStamp(payload); s.ID == 5 {
		c.sent[i]++
	}
	if wait {
		c.waiting++
	}
	time.Sleep(c.each)
	return i != 2
}

func (c *countingClient) Flush(int) { c.flushes++ }

func (*countingClient) Lanes() int { return 1 }

func (*countingClient) Close() error { return nil }

func run(t *testing.T, rate float64, length, each time.Duration) (c *countingClient, sent, refused uint64, took time.Duration) {
	c = &countingClient{sent: map[int]int{}, each: each}
	l := &lane{client: c, connections: []int{0, 1, 2}, payload: make([]byte, 32)}
	start := load.Now()
	sent, refused = l.run(t.Context(), 5, load.NewPacer(start, rate, length))
	return c, sent, refused, load.Now() - start
}

func TestLaneKeepsItsRate(t *testing.T) {
	for _, rate := range []float64{10, 999, 50_000} {
		synctest.Test(t, func(t *testing.T) {
			c, sent, refused, _ := run(t, rate, 3*time.Second, 0)
			require.EqualValues(t, 3*rate, sent)
			require.EqualValues(t, c.sent[2], refused)
			require.InDelta(t, c.sent[0], c.sent[1], 1, "connections are served round-robin")
			require.EqualValues(t, sent, c.sent[0]+c.sent[1]+c.sent[2], "every stamp has the ID")
			require.Zero(t, c.waiting)
			require.NotZero(t, c.flushes)
		})
	}
}

// Flat out, a lane waits for the transport instead of having messages dropped,
// and ends in time.
func TestLaneFlatOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const burst = 64
		each := 10 * time.Microsecond
		c, sent, _, took := run(t, 0, time.Second, each)
		require.InDelta(t, 100_000, sent, burst)
		require.InDelta(t, time.Second, took, float64(burst*each))
		require.EqualValues(t, sent, c.waiting)
	})
}
