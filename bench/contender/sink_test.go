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

func TestSinkCountsMessagesAndReturnsEchoes(t *testing.T) {
	s := contender.NewSink(size)
	var all sync.WaitGroup
	for range 3 {
		l := s.Lane()
		all.Go(func() {
			b := make([]byte, size)
			for range 1000 {
				contender.Stamp(b, load.Now())
				l.Deliver(b)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 3000, s.Delivered())
	require.Zero(t, s.Wrong())
	require.InDelta(t, 3000/61, s.Latency().Count(), 3)

	b := make([]byte, size)
	contender.StampEcho(b, time.Hour, 7)
	require.True(t, s.Lane().Deliver(b))
	require.EqualValues(t, 3000, s.Delivered(), "an echo is no delivery")
	sent, number, ok := contender.Echo(b)
	require.True(t, ok)
	require.EqualValues(t, 7, number)
	require.Equal(t, time.Hour, sent)
}

func TestSinkKnowsWhatIsWrong(t *testing.T) {
	s := contender.NewSink(size)
	l := s.Lane()
	require.False(t, l.Deliver(make([]byte, size-1)))
	require.False(t, l.Deliver(nil))
	strange := make([]byte, size)
	strange[12] = 2
	require.False(t, l.Deliver(strange))
	require.EqualValues(t, 3, s.Wrong())
	require.Zero(t, s.Delivered())
	_, _, ok := contender.Echo(strange)
	require.False(t, ok)
}

func TestDeliverDoesNotAllocate(t *testing.T) {
	l := contender.NewSink(size).Lane()
	b := make([]byte, size)
	contender.Stamp(b, load.Now())
	require.Zero(t, testing.AllocsPerRun(1000, func() { l.Deliver(b) }))
}
