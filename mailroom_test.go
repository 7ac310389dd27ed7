package intentra

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A ring is a queue, whatever the order of push and pop, and its slots are
// used again.
func TestRingIsAQueue(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var r ring
	var model []string
	most := 0
	for i := range 10_000 {
		if len(model) > 0 && random.IntN(100) < 49 {
			l := r.pop()
			require.Equal(t, model[0], string(l.payload))
			require.Equal(t, model[0], fmt.Sprint(l.channel, l.intent))
			model = model[1:]
		} else {
			intent := Intent(1 + random.IntN(3))
			model = append(model, fmt.Sprint(i, intent))
			r.push(uint32(i), intent, []byte(model[len(model)-1]))
		}
		require.Equal(t, len(model), r.n)
		most = max(most, r.n)
	}
	require.LessOrEqual(t, len(r.slots), max(8, 2*most), "it grows only as it is used")
	for r.n > 0 {
		r.pop()
	}
	payload := make([]byte, 8)
	for range r.slots {
		// Each slot makes its buffer when it is first used.
		r.push(1, Latest, payload)
		r.pop()
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		r.push(1, Latest, payload)
		r.pop()
	}))
}
