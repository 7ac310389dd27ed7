package relay

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/bench/contender"
)

// Every implementation delivers every state to everyone, unchanged.
func TestHubsDeliver(t *testing.T) {
	for _, h := range Hubs {
		t.Run(h.Name, func(t *testing.T) {
			r, err := Measure(t.Context(), h, Shape{Members: 4, Rate: 50, Size: 128, Duration: 300 * time.Millisecond})
			if errors.Is(err, contender.ErrUnsupported) {
				t.Skip(err)
			}
			require.NoError(t, err)
			require.Positive(t, r.Sent)
			require.Equal(t, 3*r.Sent, r.Deliveries)
		})
	}
}

func TestPrint(t *testing.T) {
	all := Results{
		"raw":      {{PerSecond: 10e6}, {PerSecond: 8e6}, {PerSecond: 9e6}},
		"intentra": {{PerSecond: 5e6}, {PerSecond: 8e6}, {PerSecond: 7.2e6}},
	}
	var b bytes.Buffer
	all.Print(&b, Hubs[:2])
	require.Contains(t, b.String(), "raw               9000000     1.00")
	require.Contains(t, b.String(), "intentra          7200000     0.80")
}
