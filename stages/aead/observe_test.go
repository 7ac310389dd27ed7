package aead

import (
	"math"
	"testing"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

// recorder is an Observer that records all calls.
type recorder struct {
	keys  []Fingerprint
	seals []use
}

type use struct {
	key     Fingerprint
	counter uint64
}

func (b *recorder) Installed(key Fingerprint) { b.keys = append(b.keys, key) }
func (b *recorder) Sealed(key Fingerprint, counter uint64) {
	b.seals = append(b.seals, use{key, counter})
}

// An observer is notified of each key once and of each sealed packet, with the
// counter in the nonce. Packets are the same as without it.
func TestObserver(t *testing.T) {
	for _, suite := range suites {
		b, seal := new(recorder), NewSeal()
		seal.Observe(b)
		plain, open := newPair(t, suite)
		for i, e := range []pipeline.ID{epochA, epochB} {
			seal.EpochOpened(pipeline.EpochNotice{Epoch: e})
			seal.InstallKey(e, newKey(t, suite, byte(i)), 0)
		}
		require.Len(t, b.keys, 2)
		require.NotEqual(t, b.keys[0], b.keys[1])

		var want []use
		for _, c := range []uint64{0, 1, 255, 256, 1<<28 - 1, 1 << 32, 1<<32 + 1, 1 << 63, math.MaxUint64 - 1} {
			for i, e := range []pipeline.ID{epochA, epochB} {
				want = append(want, use{b.keys[i], c})
				data := sealed(t, seal, e, c, "frames")
				require.Equal(t, sealed(t, plain, e, c, "frames"), data)
				_, v := receive(open, e, c, data)
				require.Equal(t, pipeline.Accept, v)
			}
		}
		require.Equal(t, want, b.seals)

		// Refused packets are not sealed.
		for _, c := range []uint64{5, math.MaxUint64 - 1, math.MaxUint64} {
			require.Equal(t, DropReused, seal.Process(packet(epochA, c, "frames")))
		}
		require.Equal(t, want, b.seals)
	}
}

// The fingerprint of a key is the same wherever it is installed, and differs from that
// of any other key.
func TestFingerprint(t *testing.T) {
	seen := map[Fingerprint]bool{}
	for _, suite := range suites {
		for seed := range 100 {
			var twice [2]recorder
			for i := range twice {
				newKey(t, suite, byte(seed)).observe(&twice[i])
			}
			require.Equal(t, twice[0], twice[1])
			key := twice[0].keys[0]
			require.False(t, seen[key])
			seen[key] = true
			require.NotContains(t, string(key[:]), string([]byte{byte(seed), 0, 0, 0}), "no part of the key")
		}
	}
}

// Without an observer, ciphers are not wrapped.
func TestNoObserver(t *testing.T) {
	b, seal := new(recorder), NewSeal()
	seal.Observe(b)
	seal.Observe(nil)
	seal.EpochOpened(pipeline.EpochNotice{Epoch: epochA})
	k := newKey(t, wire.AESGCM, 1)
	seal.InstallKey(epochA, k, 0)
	sealed(t, seal, epochA, 0, "frames")
	require.Empty(t, b.keys)
	require.Empty(t, b.seals)
	require.Equal(t, k, seal.keys.Get(epochA).Key, "the cipher itself")
}

// No packet can have the nonce of the fingerprint.
func TestFingerprintNonceIsOutsideOfThePackets(t *testing.T) {
	for _, suite := range suites {
		for _, c := range []uint64{0, math.MaxUint64} {
			require.Equal(t, make([]byte, 4), noise.AppendNonce(nil, suite, c)[:4])
		}
	}
}
