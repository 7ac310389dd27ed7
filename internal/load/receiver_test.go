package load

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func stamped(at time.Duration, id uint32) []byte {
	b := make([]byte, 32)
	Stamp{at, id}.Put(b)
	return b
}

func TestStampRoundTrip(t *testing.T) {
	want := Stamp{At: 1<<60 + 12345, ID: 1<<32 - 2}
	b := make([]byte, StampSize)
	want.Put(b)
	got, ok := ReadStamp(b)
	require.True(t, ok)
	require.Equal(t, want, got)
	_, ok = ReadStamp(b[:StampSize-1])
	require.False(t, ok)
}

// Messages of another measurement, and those without a stamp, are not counted.
func TestReceiverCountsItsMeasurement(t *testing.T) {
	var r Receiver
	r.Handle(stamped(Now(), 0))
	require.Zero(t, r.Delivered())
	require.Zero(t, r.Latency().Count())
	r.Begin(1, 1)
	r.Handle(stamped(Now(), 1))
	r.Handle(stamped(Now(), 2))
	r.Handle(nil)
	require.EqualValues(t, 1, r.Delivered())
	r.Begin(2, 1)
	require.Zero(t, r.Delivered(), "a measurement starts from zero")
	r.Handle(stamped(Now(), 1))
	r.Handle(stamped(Now()-time.Hour, 2))
	require.EqualValues(t, 1, r.Delivered())
	require.EqualValues(t, 1, r.Latency().Count())
	require.GreaterOrEqual(t, r.Latency().Max(), time.Hour)
}

// Cost is part of the latency.
func TestReceiverWorks(t *testing.T) {
	r := Receiver{Cost: 3 * time.Millisecond}
	r.Begin(1, 1)
	r.Handle(stamped(Now(), 1))
	require.GreaterOrEqual(t, r.Latency().Max(), r.Cost)
}

// At a low rate every message is sampled, at a high one about samplesPerSecond.
func TestSampling(t *testing.T) {
	for _, tc := range []struct{ rate, least, most float64 }{
		{1, 1, 1}, {samplesPerSecond, 1, 1}, {20 * samplesPerSecond, 0.045, 0.055},
	} {
		var r Receiver
		r.Begin(1, SampleEvery(tc.rate))
		const messages = 200_000
		message := stamped(Now(), 1)
		for range messages {
			r.Handle(message)
		}
		share := float64(r.Latency().Count()) / messages
		require.GreaterOrEqual(t, share, tc.least)
		require.LessOrEqual(t, share, tc.most)
		require.EqualValues(t, messages, r.Delivered())
	}
}

// Samples are spread evenly over the places of a batch of 64.
func TestSamplesFallEverywhere(t *testing.T) {
	s := newSampler(20)
	s.state = 1 // of random ones, one in 50 million would have a place beyond the bound
	var places [64]int
	const samples = 64_000
	at := uint32(0)
	for range samples {
		at += s.next()
		places[at%64]++
	}
	for place, n := range places {
		require.InDelta(t, samples/64, n, 200, "place %d", place)
	}
}

func TestHandleDoesNotAllocate(t *testing.T) {
	var r Receiver
	r.Begin(1, 1)
	b := stamped(Now(), 1)
	require.Zero(t, testing.AllocsPerRun(1000, func() { r.Handle(b) }))
}
