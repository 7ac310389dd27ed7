package flow

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVerdicts(t *testing.T) {
	var f Tracker
	var c Counts
	for _, step := range []struct {
		seq  uint64
		want Verdict
	}{
		{10, Next}, {11, Next}, {13, Gap}, {12, Late}, {12, Repeated}, {13, Repeated}, {9, Repeated}, {80, Gap}, {14, Repeated}, {17, Late},
		{1000, Gap}, {1001, Next}, {999, Late}, {936, Repeated},
	} {
		require.Equal(t, step.want, f.Receive(step.seq, &c), "%d", step.seq)
	}
	require.Equal(t, Counts{Received: 14, InOrder: 3, Missing: 1 + 66 + 919, Reordered: 3, Duplicate: 5}, c)
}

func TestBegin(t *testing.T) {
	var f Tracker
	var c Counts
	f.Begin(5)
	require.Equal(t, Gap, f.Receive(7, &c))
	require.EqualValues(t, 1, c.Missing)
	f.Begin(6) // the answer to a request that was overtaken
	require.Equal(t, Next, f.Receive(8, &c))
	require.Equal(t, Repeated, f.Receive(5, &c))
}

// TestConservation: whatever the network does within the window, every number is
// delivered or counted.
func TestConservation(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		const n = 2000
		var sent []uint64
		lost := uint64(0)
		for i := uint64(1); i <= n; i++ {
			switch r := rng.IntN(10); {
			case r == 0 && i > 1 && i < n:
				lost++
			case r == 1:
				sent = append(sent, i, i)
			default:
				sent = append(sent, i)
			}
		}
		for i := 1; i+20 < len(sent)-1; i += 20 {
			rng.Shuffle(20, func(a, b int) { sent[i+a], sent[i+b] = sent[i+b], sent[i+a] })
		}
		var f Tracker
		var c Counts
		f.Begin(0)
		for _, seq := range sent {
			f.Receive(seq, &c)
		}
		require.EqualValues(t, lost, c.Missing-c.Reordered, "seed %d", seed)
		require.EqualValues(t, len(sent), c.Received, "seed %d", seed)
		require.EqualValues(t, n-lost, c.Received-c.Duplicate, "seed %d", seed)
	}
}
