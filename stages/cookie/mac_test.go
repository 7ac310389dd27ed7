package cookie

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/blake2s"
)

// A mac whose key was changed is the same as a new BLAKE2s-128, with both ways of
// setting the key.
func TestMACIsBLAKE2s(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	loaded, fallback := newMAC(), newMAC()
	require.NotNil(t, loaded.state, "blake2s lays out its state in another way: challenges allocate")
	fallback.state = nil
	for size := range 300 {
		key, message := randomBytes(r, keySize), randomBytes(r, size)
		ref, err := blake2s.New128(key)
		require.NoError(t, err)
		ref.Write(message)
		for _, m := range []*mac{loaded, fallback} {
			m.setKey(key)
			for range 2 { // start must undo what was written
				m.start()
				cut := r.IntN(size + 1)
				m.hash.Write(message[:cut])
				m.hash.Write(message[cut:])
				require.Equal(t, ref.Sum(nil), m.appendSum(nil), "%d bytes", size)
			}
		}
	}
}

func TestMACDoesNotAllocate(t *testing.T) {
	m, key, message := newMAC(), bytes.Repeat([]byte{1}, keySize), make([]byte, 100)
	sum := make([]byte, 0, macSize)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		key[0]++
		m.setKey(key)
		m.start()
		m.hash.Write(message)
		sum = m.appendSum(sum[:0])
	}))
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
