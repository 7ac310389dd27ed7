package load

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStateRoundTrip(t *testing.T) {
	for size := MinState; size < MinState+40; size++ {
		want := state{Stamp{At: 123456789, ID: 49}, 1 << 40}
		b := make([]byte, size)
		want.fill(b)
		got, ok := readState(b, size)
		require.True(t, ok, "size %d", size)
		require.Equal(t, want, got)
	}
}

// readState detects every changed bit and every wrong length.
func TestEveryByteIsChecked(t *testing.T) {
	const size = 53
	b := make([]byte, size)
	state{Stamp{At: time.Second, ID: 3}, 7}.fill(b)
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			_, ok := readState(b, size)
			require.False(t, ok, "bit %d of byte %d", bit, i)
			b[i] ^= 1 << bit
		}
	}
	_, ok := readState(b, size)
	require.True(t, ok)
	for n := range size {
		_, ok := readState(b[:n], size)
		require.False(t, ok)
	}
	_, ok = readState(append(b, 0), size)
	require.False(t, ok)
}

func TestBodiesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for p := range uint32(20) {
		for q := range uint64(20) {
			for _, sent := range []time.Duration{0, 1} {
				b := make([]byte, 64)
				state{Stamp{At: sent, ID: p}, q}.fill(b)
				seen[string(b[stateHeader:])] = true
			}
		}
	}
	require.Len(t, seen, 800)
}

func TestStatesDoNotAllocate(t *testing.T) {
	b := make([]byte, 128)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		state{Stamp{At: 3, ID: 1}, 2}.fill(b)
		if _, ok := readState(b, len(b)); !ok {
			t.Fail()
		}
	}))
}

// arrivals agrees with a set for the latest 32 sequence numbers.
func TestArrivalsAgainstSet(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	for range 200 {
		var a arrivals
		seen := map[uint64]bool{}
		highest := uint64(0)
		if rnd.IntN(2) == 0 {
			highest = 1<<32 - 100 // so that 32 bits wrap
			a.next = uint32(highest)
		}
		for range 300 {
			n := highest + rnd.Uint64N(6)
			if rnd.IntN(20) == 0 {
				n += rnd.Uint64N(100)
			}
			n -= min(rnd.Uint64N(33), n)
			if highest > n && highest-n > 31 {
				continue
			}
			require.Equal(t, seen[n], a.repeated(n), "%d, highest %d", n, highest)
			seen[n] = true
			highest = max(highest, n)
		}
	}
}

func TestArrivalsInOrder(t *testing.T) {
	var a arrivals
	for n := range uint64(100) {
		require.False(t, a.repeated(n))
		require.True(t, a.repeated(n))
	}
	require.True(t, a.repeated(68))
	require.False(t, a.repeated(67), "67 is too far behind to be remembered")
}

// FuzzReadState: the attacker is a hub that forwards arbitrary bytes. A state that is
// accepted is exactly what fill writes.
func FuzzReadState(f *testing.F) {
	b := make([]byte, MinState)
	state{Stamp{At: 3, ID: 1}, 2}.fill(b)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, ok := readState(b, len(b))
		if !ok {
			return
		}
		again := make([]byte, len(b))
		s.fill(again)
		require.Equal(t, b, again)
	})
}
