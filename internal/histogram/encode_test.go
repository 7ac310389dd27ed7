package histogram

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

// Adding the encoded snapshots of two processes gives the same as one histogram
// for both.
func TestAddAcrossJSON(t *testing.T) {
	rnd := seed.Rand(t)
	var whole Histogram
	var parts [2]Histogram
	for range 10_000 {
		d := time.Duration(rnd.Uint64() >> (1 + rnd.IntN(60)))
		whole.Record(d)
		parts[rnd.IntN(2)].Record(d)
	}
	var sum Snapshot
	for i := range parts {
		text, err := json.Marshal(parts[i].Snapshot())
		require.NoError(t, err)
		var s Snapshot
		require.NoError(t, json.Unmarshal(text, &s))
		require.Equal(t, parts[i].Snapshot(), &s)
		sum.Add(&s)
	}
	require.Equal(t, whole.Snapshot(), &sum)
}

func TestUnmarshalForeign(t *testing.T) {
	var s Snapshot
	require.Error(t, json.Unmarshal([]byte(`{"buckets":[[1000000,1]]}`), &s))
	require.Error(t, json.Unmarshal([]byte(`[]`), &s))
	require.NoError(t, json.Unmarshal([]byte(`{}`), &s))
	require.Zero(t, s.Count())
}
