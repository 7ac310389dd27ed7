package load

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// virtual is a pacer in the time of a synctest bubble.
func virtual(rate float64, duration time.Duration) *Pacer {
	start := time.Now()
	p := NewPacer(0, rate, duration)
	p.now = func() time.Duration { return time.Since(start) }
	return p
}

// Every message is handed out, none before it is due, and each within a tick of
// its time.
func TestPacerKeepsAbsoluteTimes(t *testing.T) {
	for _, rate := range []float64{3, 700, 1000, 123_456, 4e6} {
		synctest.Test(t, func(t *testing.T) {
			p := virtual(rate, 2*time.Second)
			var handed uint64
			for n, at, ok := p.Next(t.Context()); ok; n, at, ok = p.Next(t.Context()) {
				require.LessOrEqual(t, n, paceChunk)
				handed += uint64(n)
				last := time.Duration(float64(handed-1) / rate * float64(time.Second))
				first := time.Duration(float64(handed-uint64(n)) / rate * float64(time.Second))
				require.GreaterOrEqual(t, at+1, last, "rate %v", rate)
				require.LessOrEqual(t, at, first+paceTick+1, "rate %v", rate)
			}
			require.EqualValues(t, 2*rate, handed)
			require.Equal(t, handed, p.Offered())
			require.Zero(t, p.Skipped())
		})
	}
}

// A sender that is held up catches up on the last 20 ms and skips the rest, and
// all that was due is accounted for.
func TestPacerSkipsWhatIsTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := virtual(10_000, time.Second)
		var handed uint64
		for n, at, ok := p.Next(t.Context()); ok; n, at, ok = p.Next(t.Context()) {
			handed += uint64(n)
			if at == 0 {
				time.Sleep(120 * time.Millisecond)
			}
		}
		require.EqualValues(t, 10_000, p.Offered())
		require.EqualValues(t, 1000, p.Skipped()) // 120 ms less 20 ms
		require.Equal(t, p.Offered(), handed+p.Skipped())
	})
}

// One that is held up beyond the end skips all the rest and ends.
func TestPacerEndsWhenTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := virtual(1000, time.Second)
		time.Sleep(time.Minute)
		_, _, ok := p.Next(t.Context())
		require.False(t, ok)
		require.EqualValues(t, 1000, p.Skipped())
	})
}

func TestPacerEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		p := virtual(1, time.Hour)
		n, _, ok := p.Next(ctx)
		require.True(t, ok)
		require.Equal(t, 1, n)
		start := time.Now()
		_, _, ok = p.Next(ctx)
		require.False(t, ok)
		require.Equal(t, 500*time.Millisecond, time.Since(start))
		require.EqualValues(t, 1, p.Offered(), "what was not due is not offered")
	})
}

func TestPacerWaitsForTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := virtual(1000, time.Second)
		p.start = 3 * time.Second
		_, at, ok := p.Next(t.Context())
		require.True(t, ok)
		require.Equal(t, 3*time.Second, at)
	})
}

func TestPacingDoesNotAllocate(t *testing.T) {
	p := NewPacer(0, 1e18, time.Second) // always late: it never sleeps
	p.total = 1 << 62
	at := maxBacklog
	p.now = func() time.Duration { at++; return at }
	require.Zero(t, testing.AllocsPerRun(1000, func() { p.Next(context.Background()) }))
}
