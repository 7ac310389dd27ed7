package ack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

const ms = time.Millisecond

func TestRTT(t *testing.T) {
	for _, c := range []struct {
		name          string
		before        RTT
		sample, delay time.Duration
		want          RTT
	}{
		// 5.3: "smoothed_rtt = latest_rtt, rttvar = latest_rtt / 2", less the delay.
		{"first", RTT{}, 100 * ms, 30 * ms, RTT{100 * ms, 70 * ms, 35 * ms, 70 * ms}},
		{"delay taken off", RTT{100 * ms, 100 * ms, 50 * ms, 100 * ms}, 200 * ms, 20 * ms,
			RTT{200 * ms, 110 * ms, 57500 * time.Microsecond, 100 * ms}},
		{"delay below the least", RTT{100 * ms, 100 * ms, 40 * ms, 100 * ms}, 120 * ms, 28 * ms, RTT{120 * ms, 99 * ms, 32 * ms, 92 * ms}},
		{"implausible delay", RTT{100 * ms, 100 * ms, 40 * ms, 100 * ms}, 116 * ms, 116 * ms, RTT{116 * ms, 102 * ms, 34 * ms, 100 * ms}},
		{"new least", RTT{100 * ms, 100 * ms, 40 * ms, 100 * ms}, 60 * ms, 500 * ms, RTT{60 * ms, 95 * ms, 40 * ms, 60 * ms}},
		{"no time at all", RTT{}, 0, 0, RTT{1, 1, 0, 1}},
		{"backwards", RTT{8, 8, 0, 8}, -50, 0, RTT{1, 7, 1, 1}},
	} {
		r := c.before
		r.Update(c.sample, c.delay)
		require.Equal(t, c.want, r, c.name)
	}
}

// Whatever delay a peer reports, the average stays within the range of the samples.
func TestRTTStaysWithinTheSamples(t *testing.T) {
	r := seed.Rand(t)
	for range 100 {
		var e RTT
		least, most := time.Duration(1<<62), time.Duration(0)
		for range 100 {
			sample := 1 + time.Duration(r.Int64N(int64(time.Minute)))
			delay := time.Duration(r.Int64N(int64(time.Second)))
			path := sample
			if delay < sample {
				path -= delay
			}
			least, most = min(least, path), max(most, sample)
			e.Update(sample, delay)
			require.Equal(t, sample, e.Latest)
			require.Equal(t, least, e.Min)
			require.GreaterOrEqual(t, e.Smoothed, least-8)
			require.LessOrEqual(t, e.Smoothed, most)
			require.LessOrEqual(t, e.Variation, most)
			require.GreaterOrEqual(t, e.Variation, time.Duration(0))
		}
	}
}
