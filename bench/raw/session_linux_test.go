package raw

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

// The window accepts each counter once, and none that is 64 or more below the
// highest.
func TestFreshAgainstModel(t *testing.T) {
	rng := seed.Rand(t)
	var o opening
	seen := map[uint64]bool{0: true} // counters start at 1
	o.seen = 1
	var highest uint64
	for range 20_000 {
		counter := highest + uint64(rng.IntN(80))
		counter -= min(counter, uint64(rng.IntN(100)))
		want := !seen[counter] && (counter > highest || highest-counter < 64)
		require.Equal(t, want, o.fresh(counter), "counter %d, highest %d", counter, highest)
		if want {
			seen[counter] = true
			highest = max(highest, counter)
		}
	}
}

func TestAllowKeepsItsRate(t *testing.T) {
	o := opening{tokens: 2}
	require.True(t, o.allow(0))
	require.True(t, o.allow(0))
	require.False(t, o.allow(0))
	require.True(t, o.allow(int64(1e9/tokenRate)))
}

func TestSealedOpens(t *testing.T) {
	s := sealing{aead: newAEAD(7, toReceiver), index: 7}
	var nonce [nonceSize]byte
	b := s.seal(make([]byte, 200), &nonce, []byte("state"))
	require.Len(t, b, datagramSize(5))
	message, err := newAEAD(7, toReceiver).Open(nil, nonce[:], b[headerSize:], b[:headerSize])
	require.NoError(t, err)
	require.Equal(t, "state", string(message))
	_, err = newAEAD(7, toSender).Open(nil, nonce[:], b[headerSize:], b[:headerSize])
	require.Error(t, err)
}
