package keyledger

import (
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var k1, k2 = [16]byte{1}, [16]byte{2}

func TestFaults(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(a, b *Owner)
		want string
	}{
		{"no packets", func(a, b *Owner) {}, ""},
		{"increasing counters with gaps", func(a, b *Owner) {
			a.Sealed(k1, 0)
			b.Sealed(k2, 0)
			a.Sealed(k1, 1)
			a.Sealed(k1, 7)
			a.Sealed(k1, math.MaxUint64)
		}, ""},
		{"counter reused", func(a, b *Owner) { a.Sealed(k1, 5); a.Sealed(k1, 5) }, "a sealed packet 5 under key 01000000, whose next counter is 6"},
		{"counter zero reused", func(a, b *Owner) { a.Sealed(k1, 0); a.Sealed(k1, 0) }, "next counter is 1"},
		{"counter decreases", func(a, b *Owner) { a.Sealed(k1, 5); a.Sealed(k1, 4) }, "next counter is 6"},
		{"counter after the last one", func(a, b *Owner) { a.Sealed(k1, math.MaxUint64); a.Sealed(k1, 0) }, "next counter is 0"},
		{"key installed twice", func(a, b *Owner) { a.Installed(k1) }, "a installed key 01000000, which a had installed before"},
		{"key installed by two endpoints", func(a, b *Owner) { b.Installed(k1) }, "b installed key 01000000, which a had installed before"},
		{"key of another endpoint", func(a, b *Owner) { b.Sealed(k1, 9) }, "b sealed packet 9 under key 01000000 of a"},
		{"key not installed", func(a, b *Owner) { a.Sealed([16]byte{3}, 0) }, "never installed"},
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

func TestFaultsAreBounded(t *testing.T) {
	l := New()
	a := l.Owner("a")
	for range maxFaults + 5 {
		a.Sealed(k1, 0)
	}
	require.Len(t, l.Faults(), maxFaults+1)
	require.Equal(t, "and 5 more", l.Faults()[maxFaults])
}

func TestLedgerIsSafeForConcurrentUse(t *testing.T) {
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

// Tests that count allocations have a ledger installed.
func TestSealedDoesNotAllocate(t *testing.T) {
	a, c := New().Owner("a"), uint64(0)
	a.Installed(k1)
	require.Zero(t, testing.AllocsPerRun(100, func() { a.Sealed(k1, c); c++ }))
}
