package load

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Every message is returned, none before it is due, and each within a tick of
// its time.
func TestPacerKeepsAbsoluteTimes(t *testing.T) {
	for _, rate := range []float64{3, 700, 1000, 123_456, 4e6} {
		synctest.Test(t, func(t *testing.T) {
			p := NewPacer(Now(), rate, 2*time.Second)
			var returned uint64
			for n, at := range p.Bursts(t.Context()) {
				require.LessOrEqual(t, n, paceBurst)
				first := returned
				returned += uint64(n)
				require.GreaterOrEqual(t, at+1, p.due(returned-1), "rate %v", rate)
				require.LessOrEqual(t, at, p.due(first)+paceTick+1, "rate %v", rate)
			}
			require.EqualValues(t, 2*rate, returned)
			require.Equal(t, returned, p.Offered())
			require.Zero(t, p.Skipped())
		})
	}
}

// The messages of a measurement are those that fall due before its end.
func TestPacerTotal(t *testing.T) {
	for _, tc := range []struct {
		rate float64
		want int
	}{{0.3, 1}, {3.3, 4}, {3, 3}, {11.7, 12}, {1000.0 / 3 * 3, 1000}} {
		synctest.Test(t, func(t *testing.T) {
			p := &Pacer{Start: Now(), Rate: tc.rate, Duration: time.Second}
			n := 0
			for due, ok := p.Wait(t.Context()); ok; due, ok = p.Wait(t.Context()) {
				require.GreaterOrEqual(t, Now(), due)
				require.Less(t, due, p.Start+time.Second)
				n++
			}
			require.Equal(t, tc.want, n, "rate %v", tc.rate)
		})
	}
}

// A sender that was held up sends the messages of the last 20 ms and skips the
// older ones.
func TestPacerSkipsLateMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(Now(), 10_000, time.Second)
		var returned uint64
		for n, at := range p.Bursts(t.Context()) {
			returned += uint64(n)
			if at == p.Start {
				time.Sleep(120 * time.Millisecond)
			}
		}
		require.EqualValues(t, 10_000, p.Offered())
		require.EqualValues(t, 1000, p.Skipped()) // 120 ms less 20 ms
		require.Equal(t, p.Offered(), returned+p.Skipped())
	})
}

// Without MaxLate, messages are sent however late they are, up to the end.
func TestPacerWithoutMaxLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pacer{Start: Now(), Rate: 100, Duration: time.Second}
		for k := range 70 {
			due, ok := p.Wait(t.Context())
			require.True(t, ok)
			require.Equal(t, p.Start+time.Duration(k)*10*time.Millisecond, due)
			if k == 0 {
				time.Sleep(600 * time.Millisecond)
			}
			if k < 60 {
				require.Equal(t, 600*time.Millisecond, Now()-p.Start, "messages that are overdue do not wait")
			}
		}
		time.Sleep(time.Second)
		_, ok := p.Wait(t.Context())
		require.False(t, ok)
		require.EqualValues(t, 100, p.Offered())
		require.EqualValues(t, 30, p.Skipped())
	})
}

// A sender that is held up beyond the end skips all remaining messages.
func TestPacerSkipsTheRestAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(Now(), 1000, time.Second)
		time.Sleep(time.Minute)
		for range p.Bursts(t.Context()) {
			t.Fatal("a message after the end")
		}
		require.EqualValues(t, 1000, p.Offered())
		require.EqualValues(t, 1000, p.Skipped())
	})
}

func TestPacerEndsWithItsContext(t *testing.T) {
	for _, rate := range []float64{0, 1, 1e9} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			p := &Pacer{Start: Now(), Rate: rate}
			n := 0
			for _, ok := p.Wait(ctx); ok; _, ok = p.Wait(ctx) {
				n++
				time.Sleep(time.Millisecond)
			}
			require.Positive(t, n, "the first message is due at once")
			require.InDelta(t, 500*time.Millisecond, Now()-p.Start, float64(time.Millisecond))
			if rate == 1 {
				require.EqualValues(t, 1, p.Offered(), "a message that is not due yet is not offered")
			}
		})
	}
}

// Without a rate a Pacer returns messages as fast as they are taken, until the
// end.
func TestPacerWithoutRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(Now(), 0, time.Second)
		bursts := 0
		for n := range p.Bursts(t.Context()) {
			require.Equal(t, paceBurst, n)
			bursts++
			time.Sleep(10 * time.Millisecond)
		}
		require.Equal(t, 100, bursts)
		require.EqualValues(t, bursts*paceBurst, p.Offered())
		require.Zero(t, p.Skipped())

		var endless Pacer
		before := Now()
		for range 1000 {
			_, ok := endless.Wait(t.Context())
			require.True(t, ok)
		}
		require.Equal(t, before, Now(), "it never sleeps")
	})
}

func TestPacerWaitsForItsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(Now()+3*time.Second, 1000, time.Second)
		for _, at := range p.Bursts(t.Context()) {
			require.Equal(t, p.Start, at)
			break
		}
	})
}

func TestPacingDoesNotAllocate(t *testing.T) {
	p := NewPacer(Now()-time.Second, 1e12, time.Hour) // always late, so that it never sleeps
	require.Zero(t, testing.AllocsPerRun(1000, func() { p.take(context.Background(), paceBurst) }))
}
