package conn_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
)

// On a fast path the window of Reliable messages does not wait for the delay of
// acknowledgements, which would allow 1,024 messages in 20 ms.
func TestReliableRate(t *testing.T) {
	w := newWorld(t, 1)
	w.setLink(sim.Link{Delay: 100 * time.Microsecond})
	a, b := w.node(), w.node()
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	sent := 0
	var fill func()
	fill = func() {
		for ; sent < 40_000; sent++ {
			if _, reliable := a.peer(b).Queued(); reliable >= 1000 {
				break
			}
			a.queue(b, 1, pipeline.Reliable, "sixteen bytes...")
		}
		a.turn()
		if len(b.got) < 40_000 {
			w.After(500*time.Microsecond, fill)
		}
	}
	fill()
	took := w.await(time.Second, func() bool { return len(b.got) == 40_000 })
	require.Less(t, took, 200*time.Millisecond, "200,000 messages/s; 51,200 without a request")
}
