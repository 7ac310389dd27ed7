package keyledger

import (
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var k1, k2 = [16]byte{1}, [16]byte{2}

func TestWhatIsAFault(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(a, b *Owner)
		want string
	}{
		{"nothing", func(a, b *Owner) {}, ""},
		{"counters that grow, and some left out", func(a, b *Owner) {
			a.Sealed(k1, 0)
			b.Sealed(k2, 0)
			a.Sealed(k1, 1)
			a.Sealed(k1, 7)
			a.Sealed(k1, math.MaxUint64)
		}, ""},
		{"a counter again", func(a, b *Owner) { a.Sealed(k1, 5); a.Sealed(k1, 5) }, "a seals 5 under the key 01000000 again"},
		{"zero again", func(a, b *Owner) { a.Sealed(k1, 0); a.Sealed(k1, 0) }, "again"},
		{"a counter that goes back", func(a, b *Owner) { a.Sealed(k1, 5); a.Sealed(k1, 4) }, "again"},
		{"past the last one", func(a, b *Owner) { a.Sealed(k1, math.MaxUint64); a.Sealed(k1, 0) }, "again"},
		{"a key again", func(a, b *Owner) { a.Installed(k1) }, "a installs the key 01000000, which a has had"},
		{"the key of another", func(a, b *Owner) { b.Installed(k1) }, "b installs the key 01000000, which a has had"},
		{"under the key of another", func(a, b *Owner) { b.Sealed(k1, 9) }, "b seals 9 under the key 01000000 of a"},
		{"under no key", func(a, b *Owner) { a.Sealed([16]byte{3}, 0) }, "nobody has installed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := New()
			a, b := l.Owner("a"), l.Owner("b")
			a.Installed(k1)
			b.Installed(k2)
			tc.do(a, b)
			if tc.want == "" {
				require.Empty(t, l.Faults())
				return
			}
			require.Len(t, l.Faults(), 1)
			require.Contains(t, l.Faults()[0], tc.want)
		})
	}
}

func TestManyFaults(t *testing.T) {
	l := New()
	a := l.Owner("a")
	for range maxFaults + 5 {
		a.Sealed(k1, 0)
	}
	require.Len(t, l.Faults(), maxFaults+1)
	require.Equal(t, "and 5 more", l.Faults()[maxFaults])
}

func TestLedgerIsShared(t *testing.T) {
	const owners, packets = 8, 1000
	l := New()
	var all sync.WaitGroup
	for i := range owners {
		all.Go(func() {
			o, key := l.Owner("o"), [16]byte{byte(i)}
			o.Installed(key)
			for c := range uint64(packets) {
				o.Sealed(key, c)
			}
		})
	}
	all.Wait()
	require.Empty(t, l.Faults())
	require.Equal(t, owners, l.Keys())
	require.EqualValues(t, owners*packets, l.Seals())
}

// The ledger stands by in tests that count allocations.
func TestNothingIsAllocatedForAPacket(t *testing.T) {
	a, c := New().Owner("a"), uint64(0)
	a.Installed(k1)
	require.Zero(t, testing.AllocsPerRun(100, func() { a.Sealed(k1, c); c++ }))
}
