package console

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/metrics"
)

// hubSampler samples a hub to which another hub of its fleet passes updates with stamps.
type hubSampler struct {
	t   *testing.T
	hub *hub.Hub
	*sampler
	now  time.Duration
	text []byte
}

var far = intentra.PublicKey{7}

func newHubSampler(t *testing.T) *hubSampler {
	h, err := hub.Listen("127.0.0.1:0", hub.Config{Transport: intentra.Config{Key: loopback.Key(t)}, Access: hub.AllowAny()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	cfg := &Config{Hub: h}
	require.NoError(t, cfg.complete())
	return &hubSampler{t: t, hub: h, sampler: newSampler(cfg)}
}

func (s *hubSampler) remote(f func(r *hub.Remote)) { s.hub.Remote(f) }

// ageFrame is what the tests read of a frame.
type ageFrame struct {
	Kind     ageKind
	P50, P99 *float64
	Heat     []heatColumn
}

// next takes the samples of one second, and returns the last of them with the columns of the
// heat map of all.
func (s *hubSampler) next() (f ageFrame) {
	heat := []heatColumn{}
	for range window {
		s.now += period
		text, err := s.sample(s.now, time.UnixMilli(s.now.Milliseconds()))
		require.NoError(s.t, err)
		f = ageFrame{}
		require.NoError(s.t, json.Unmarshal(append(text, '}'), &f))
		heat = append(heat, f.Heat...)
	}
	f.Heat = heat
	return f
}

// row returns the row of a topic.
func (s *hubSampler) row(name string) (row []any) {
	for path, r := range s.topics.table.rows {
		if strings.HasSuffix(path, "/"+name) {
			require.NoError(s.t, json.Unmarshal([]byte("[0"+string(r.text)+"]"), &row))
		}
	}
	require.Len(s.t, row, 12, name)
	return row
}

// counted returns the ages that the metrics of the hub have counted.
func (s *hubSampler) counted() (a ageCounts) {
	r := prometheus.NewRegistry()
	r.MustRegister(metrics.NewHubCollector(s.hub))
	families, err := r.Gather()
	require.NoError(s.t, err)
	for _, f := range families {
		if f.GetName() == "intentra_hub_update_age_seconds" {
			h, below := f.GetMetric()[0].GetHistogram(), uint64(0)
			for i, b := range h.GetBucket() {
				if !math.IsInf(b.GetUpperBound(), 1) {
					a[i], below = b.GetCumulativeCount()-below, b.GetCumulativeCount()
				}
			}
			a[ageBuckets] = h.GetSampleCount() - below
		}
	}
	return a
}

// The ages on the page of a hub are those of the metrics. Without a topic with a stamp it shows
// round-trip times.
func TestAgesOfAHub(t *testing.T) {
	s := newHubSampler(t)
	require.Equal(t, ageAtHub, s.hello.AgeKind)
	s.remote(func(r *hub.Remote) {
		r.Connect(far, 0)
		require.True(t, r.Declare(far, hub.Topic{Name: "plain", Intent: intentra.Latest}))
		require.True(t, r.Update(far, "plain", nil, hub.Age{}))
	})
	f := s.next()
	require.Equal(t, ageOfTrips, f.Kind)

	s.remote(func(r *hub.Remote) {
		require.True(t, r.Declare(far, hub.Topic{Name: "pose", Intent: intentra.Latest, Stamp: true}))
	})
	f = s.next()
	require.Equal(t, ageAtHub, f.Kind)
	require.Nil(t, f.P50, "no update has come")

	s.remote(func(r *hub.Remote) {
		for i := range 1000 {
			require.True(t, r.Update(far, "pose", nil, hub.Age{Known: true, Age: time.Duration(i) * 10 * time.Microsecond}))
		}
	})
	f = s.next()
	counts := s.counted()
	require.EqualValues(t, 1000, counts.total())
	require.Equal(t, [2]float64{counts.quantile(0.5), counts.quantile(0.99)}, [2]float64{*f.P50, *f.P99})
	require.Equal(t, counts[:], f.Heat[0].Counts)
	require.InEpsilon(t, 5, *f.P50, 0.1)
	for _, r := range s.topics.rows {
		r.rated -= describeEvery // as if a second had passed on the clock of the hub
	}
	s.next()
	require.Equal(t, 9.99, s.row("pose")[11])
	require.Nil(t, s.row("plain")[11])

	// The kind stays until the window is empty, after the topic has gone.
	s.remote(func(r *hub.Remote) { r.Retract(far, "pose") })
	kinds := []ageKind{}
	for range 5 {
		kinds = append(kinds, s.next().Kind)
	}
	require.Equal(t, []ageKind{ageAtHub, ageAtHub, ageAtHub, ageAtHub, ageOfTrips}, kinds)
}
