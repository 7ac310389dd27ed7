package contender_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/internal/load"
)

const size = 128

func message(s load.Stamp) []byte {
	b := make([]byte, size)
	s.Put(b)
	return b
}

func TestSinkCountsMessagesOfItsMeasurement(t *testing.T) {
	s := contender.NewSink(size)
	var all sync.WaitGroup
	for range 3 {
		l := s.Lane()
		all.Go(func() {
			b := message(load.Stamp{})
			for range 10_000 {
				l.Deliver(b)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 30_000, s.Delivered())
	require.Zero(t, s.Wrong())
	require.InDelta(t, 30_000/61, s.Latency().Count(), 60)

	l := s.Lane()
	s.Begin(2)
	require.Zero(t, s.Delivered())
	require.Zero(t, s.Latency().Count())
	for _, id := range []uint32{2, 0, 2} {
		require.False(t, l.Deliver(message(load.Stamp{ID: id})))
		require.False(t, s.Lane().Deliver(message(load.Stamp{ID: id})))
	}
	require.EqualValues(t, 4, s.Delivered())
}

func TestSinkReturnsEchoes(t *testing.T) {
	s := contender.NewSink(size)
	require.True(t, s.Lane().Deliver(message(load.Stamp{At: time.Hour, ID: contender.EchoID})))
	require.Zero(t, s.Delivered(), "an echo is not a delivery")
}

func TestSinkCountsWrongSizes(t *testing.T) {
	s := contender.NewSink(size)
	l := s.Lane()
	require.False(t, l.Deliver(make([]byte, size-1)))
	require.False(t, l.Deliver(append(message(load.Stamp{ID: contender.EchoID}), 0)))
	require.False(t, l.Deliver(nil))
	require.EqualValues(t, 3, s.Wrong())
	require.Zero(t, s.Delivered())
}

func TestDeliverDoesNotAllocate(t *testing.T) {
	l := contender.NewSink(size).Lane()
	b := message(load.Stamp{At: load.Now()})
	require.Zero(t, testing.AllocsPerRun(1000, func() { l.Deliver(b) }))
}
