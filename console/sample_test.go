package console

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/internal/race"
)

// A sample of many peers and topics allocates little: a row that has not changed costs no
// allocation.
func TestSamplesAllocateLittle(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	s := newHubSampler(t)
	layout := &hub.Layout{X: hub.Field{Type: "f64le"}, Y: hub.Field{Offset: 8, Type: "f64le"}}
	s.remote(func(r *hub.Remote) {
		r.Connect(far, 0)
		for i := range 200 {
			name := fmt.Sprint("pose-", i)
			require.True(t, r.Declare(far, hub.Topic{Name: name, Intent: intentra.Latest, Layout: layout}))
			require.True(t, r.Update(far, name, make([]byte, 16), hub.Age{}))
		}
	})
	for range 50 {
		loopback.Dial(t, s.hub.Transport(), intentra.Config{})
	}
	second := func() (allocations, bytes uint64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range window {
			s.now += period
			head, err := s.sample(s.now, time.UnixMilli(s.now.Milliseconds()))
			require.NoError(t, err)
			s.text = s.appendRows(append(s.text[:0], head...), s.version-1)
		}
		runtime.ReadMemStats(&after)
		return (after.Mallocs - before.Mallocs) / window, (after.TotalAlloc - before.TotalAlloc) / window
	}
	for range 3 { // until all buffers have grown
		second()
	}
	// The transports allocate as well, now and then: hence the least of several.
	allocations, bytes := second()
	for range 10 {
		a, b := second()
		allocations, bytes = min(allocations, a), min(bytes, b)
	}
	require.Less(t, allocations, uint64(60), "per sample")
	require.Less(t, bytes, uint64(14_000), "per sample")
}

// BenchmarkSample takes samples of a hub with 250 peers, each with two topics, one of which
// has a position that changes with every sample. Ten of them are one second of an open page.
func BenchmarkSample(b *testing.B) {
	const peers = 250
	h, err := hub.Listen("127.0.0.1:0", hub.Config{Access: hub.AllowAny(), Transport: intentra.Config{Key: loopback.Key(b)}})
	require.NoError(b, err)
	b.Cleanup(func() { _ = h.Close() })
	layout := &hub.Layout{X: hub.Field{Type: "f64le"}, Y: hub.Field{Offset: 8, Type: "f64le"}}
	var poses []*hub.Publication
	for range peers {
		c, err := hub.Dial(b.Context(), h.Transport().LocalAddr().String(), h.Transport().PublicKey(), hub.ClientConfig{Transport: intentra.Config{Key: loopback.Key(b)}})
		require.NoError(b, err)
		b.Cleanup(func() { _ = c.Close() })
		_, err = c.Declare(b.Context(), hub.Topic{Name: "state", Intent: intentra.Realtime})
		require.NoError(b, err)
		p, err := c.Declare(b.Context(), hub.Topic{Name: "pose", Layout: layout})
		require.NoError(b, err)
		poses = append(poses, p)
		if len(poses) == 1 {
			_, err = c.Subscribe(b.Context(), hub.Subscription{Pattern: "*/pose", Handler: func(hub.Update) {}})
			require.NoError(b, err)
		}
	}
	cfg := Config{Hub: h}
	require.NoError(b, cfg.complete())
	s := newSampler(&cfg)
	now, x := time.Duration(0), 0.0
	var payload [16]byte
	step := func() {
		x++
		binary.LittleEndian.PutUint64(payload[:], math.Float64bits(x))
		for _, p := range poses {
			_ = p.Send(payload[:])
		}
	}
	var text []byte
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		step()
		time.Sleep(2 * time.Millisecond)
		b.StartTimer()
		now += period
		head, err := s.sample(now, time.UnixMilli(now.Milliseconds()))
		require.NoError(b, err)
		text = s.appendRows(append(text[:0], head...), s.version-1)
	}
	b.SetBytes(int64(len(text)))
}
