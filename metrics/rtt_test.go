package metrics

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, tc := range []struct {
		sorted []time.Duration
		p      int
		want   time.Duration
	}{
		{[]time.Duration{5}, 0, 5},
		{[]time.Duration{5}, 50, 5},
		{[]time.Duration{5}, 100, 5},
		{[]time.Duration{1, 2, 3}, 0, 1},
		{[]time.Duration{1, 2, 3}, 50, 2},
		{[]time.Duration{1, 2, 3}, 90, 3},
		{[]time.Duration{1, 2, 3, 4}, 50, 2},
		{hundred, 0, 1},
		{hundred, 50, 50},
		{hundred, 90, 90},
		{hundred, 99, 99},
		{hundred, 100, 100},
	} {
		require.Equal(t, tc.want, percentile(tc.sorted, tc.p), "%d%% of %v", tc.p, tc.sorted)
	}
}

// A peer without an RTT sample does not count as one with an RTT of zero.
func TestNoRTTWithoutSample(t *testing.T) {
	s := snapshot{peers: []intentra.PeerStats{{}, {}}}
	n, err := testutil.GatherAndCount(gatherer(t, s), "intentra_rtt_seconds")
	require.NoError(t, err)
	require.Zero(t, n)

	s.peers[1].RTT = time.Millisecond
	require.InDelta(t, 0.001, values(t, gatherer(t, s))["intentra_rtt_seconds{percentile=0}"], 1e-12)
}
