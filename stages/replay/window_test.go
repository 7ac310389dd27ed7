package replay

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// model is an unbounded set of counters with the semantics of a Window.
type model struct {
	bits    uint64
	highest uint64
	seen    map[uint64]bool
}

func newModel(bits int) *model { return &model{bits: uint64(bits), seen: map[uint64]bool{}} }

func (m *model) accept(c uint64) Result {
	switch {
	case c < m.highest && m.highest-c > m.bits:
		return TooOld
	case m.seen[c]:
		return Replayed
	}
	m.seen[c] = true
	m.highest = max(m.highest, c)
	return Accepted
}

func TestWindowReachesExactlyItsBits(t *testing.T) {
	for bits := MinBits; bits <= MaxBits; bits *= 2 {
		// The position of the highest counter within its word must not matter.
		for offset := range uint64(2 * wordBits) {
			w, h := NewWindow(bits), uint64(3*MaxBits)+offset
			require.Equal(t, Accepted, w.Accept(h), "%d bits, highest %d", bits, h)
			require.Equal(t, TooOld, w.Accept(h-uint64(bits)-1), "%d bits, highest %d", bits, h)
			require.Equal(t, Accepted, w.Accept(h-uint64(bits)), "%d bits, highest %d", bits, h)
			require.Equal(t, Replayed, w.Accept(h-uint64(bits)), "%d bits, highest %d", bits, h)
			require.Equal(t, Replayed, w.Accept(h), "%d bits, highest %d", bits, h)
		}
	}
}

func TestWindowAcceptsEachCounterOnce(t *testing.T) {
	const bits = 256
	for name, start := range map[string]uint64{"from zero": 0, "below 2^32": 1<<32 - 500, "up to 2^64-1": math.MaxUint64 - 999} {
		t.Run(name, func(t *testing.T) {
			w := NewWindow(bits)
			for i := range uint64(1000) {
				require.Equal(t, Accepted, w.Accept(start+i))
				for back := range min(i+1, bits+1) {
					require.Equal(t, Replayed, w.Accept(start+i-back))
				}
			}
		})
	}
}

func TestWindowDoesNotWrap(t *testing.T) {
	w := NewWindow(MinBits)
	require.Equal(t, Accepted, w.Accept(math.MaxUint64))
	for c := range uint64(2 * MinBits) {
		require.Equal(t, TooOld, w.Accept(c), "counter %d", c)
	}
	require.Equal(t, Replayed, w.Accept(math.MaxUint64))
	require.Equal(t, Accepted, w.Accept(math.MaxUint64-MinBits))
}

func TestWindowJump(t *testing.T) {
	for _, jump := range []uint64{1, 63, 64, 65, 4095, 4096, 4097, 4159, 4160, 4161, 1 << 40, math.MaxUint64 - 5000} {
		w, m := NewWindow(4096), newModel(4096)
		for c := range uint64(5000) {
			w.Accept(c)
			m.accept(c)
		}
		require.Equal(t, m.accept(4999+jump), w.Accept(4999+jump), "jump %d", jump)
		for back := range uint64(6000) {
			c := 4999 + jump - back
			require.Equal(t, m.accept(c), w.Accept(c), "jump %d, back %d", jump, back)
			if c == 0 {
				break
			}
		}
	}
}

func TestWindowRefusalChangesNothing(t *testing.T) {
	w := NewWindow(MinBits)
	for _, c := range []uint64{0, 70, 71, 100, 164} {
		w.Accept(c)
	}
	ring, highest := slices.Clone(w.ring), w.highest
	for _, c := range []uint64{0, 1, 99, 100, 164} {
		require.NotEqual(t, Accepted, w.Accept(c))
	}
	require.Equal(t, ring, w.ring)
	require.Equal(t, highest, w.highest)
}

func TestWindowAgainstSet(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, bits := range []int{64, 128, 8192} {
		w, m := NewWindow(bits), newModel(bits)
		for range 50_000 {
			c := m.highest + r.Uint64N(200)
			if r.IntN(4) > 0 {
				c = m.highest - min(m.highest, r.Uint64N(uint64(bits)+uint64(bits)/8))
			}
			require.Equal(t, m.accept(c), w.Accept(c), "%d bits, counter %d, highest %d", bits, c, m.highest)
		}
	}
}

func TestNewWindowRefusesOtherSizes(t *testing.T) {
	for _, bits := range []int{math.MinInt, -64, 0, 1, 32, 63, 65, 96, 8191, MaxBits + 64, 2 * MaxBits, math.MaxInt} {
		require.Panics(t, func() { NewWindow(bits) }, "%d bits", bits)
	}
}

func TestZeroWindowAcceptsNothing(t *testing.T) {
	var w Window
	for _, c := range []uint64{0, 1, math.MaxUint64} {
		require.Equal(t, TooOld, w.Accept(c))
	}
}

func BenchmarkWindowAccept(b *testing.B) {
	b.ReportAllocs()
	w := NewWindow(DefaultBits)
	for i := range b.N {
		w.Accept(uint64(i))
	}
}

// The memory of a window follows the highest counter, up to its full size: it has the
// words that the counters need, and less than twice as many.
func TestWindowGrowsAsNeeded(t *testing.T) {
	for _, step := range []uint64{1, 63, 64, 500, 1 << 20} {
		w := NewWindow(MinBits << 6)
		full := int(w.full)
		for c := uint64(0); c < 200*step && c < 1<<24; c += step {
			require.Equal(t, Accepted, w.Accept(c))
			needed := int(min(c/wordBits+1, uint64(full)))
			require.GreaterOrEqual(t, len(w.ring), needed, "counter %d", c)
			require.LessOrEqual(t, len(w.ring), min(full, max(firstWords, 2*(needed-1))), "counter %d", c)
		}
	}
}
