package trial_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/bench/trial"
)

// The receiver and the senders of each case have a highest rate.
func TestSearchFindsThePeak(t *testing.T) {
	const unlimited = 1e12
	for _, tc := range []struct {
		name                  string
		start, takes, sends   float64
		wantAtLeast, wantMost float64
		mostOffers            int
	}{
		{"peak above the start", 1e5, 1e6, unlimited, 0.93e6, 1.02e6, 12},
		{"peak below the start", 1e6, 0.3e6, unlimited, 0.27e6, 0.31e6, 8},
		{"start far too low", 1e3, 4e4, unlimited, 3.7e4, 4.1e4, 15},
		{"start is the peak", 1e5, 1e5, unlimited, 0.9e5, 1.02e5, 6},
		{"senders are the limit", 1e5, unlimited, 3e5, 3e5, 3e5, 5},
		{"senders are the limit at once", 1e6, unlimited, 3e5, 3e5, 3e5, 1},
		{"nothing is delivered", 1e5, 0, unlimited, 0, 0, 12},
	} {
		t.Run(tc.name, func(t *testing.T) {
			offers := 0
			best, err := trial.Search(tc.start, func(rate float64) (trial.Point, error) {
				offers++
				sent := min(rate, tc.sends)
				delivered := min(sent, tc.takes)
				return trial.Point{Offered: rate, SentRate: sent, DeliveredRate: delivered, Delivery: delivered / sent}, nil
			})
			require.NoError(t, err)
			require.GreaterOrEqual(t, best.DeliveredRate, tc.wantAtLeast)
			require.LessOrEqual(t, best.DeliveredRate, tc.wantMost)
			require.LessOrEqual(t, offers, tc.mostOffers)
			if tc.wantMost > 0 {
				require.GreaterOrEqual(t, best.Delivery, trial.Good)
			}
		})
	}
}

func TestSearchEndsWithAnError(t *testing.T) {
	failure := errors.New("no more")
	offers := 0
	_, err := trial.Search(1, func(float64) (trial.Point, error) {
		offers++
		if offers == 3 {
			return trial.Point{}, failure
		}
		return trial.Point{Delivery: 1, SentRate: 1e9}, nil
	})
	require.ErrorIs(t, err, failure)
	require.Equal(t, 3, offers)
}
