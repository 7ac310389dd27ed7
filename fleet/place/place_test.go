package place

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

func key(n uint32) intentra.PublicKey {
	return sha256.Sum256(binary.LittleEndian.AppendUint32(nil, n))
}

func TestPeersSpreadOverHubs(t *testing.T) {
	hubs := []intentra.PublicKey{key(1), key(2), key(3)}
	homes := make(map[intentra.PublicKey]int)
	const peers = 30_000
	for i := range uint32(peers) {
		k := key(1000 + i)
		list := slices.Clone(hubs)
		Rank(list, k)
		homes[list[0]]++
	}
	for _, n := range homes {
		require.InDelta(t, peers/3, n, peers/30)
	}
}

// TestOnlyPeersOfALostHubMove is the property that rendezvous hashing is for.
func TestOnlyPeersOfALostHubMove(t *testing.T) {
	hubs := []intentra.PublicKey{key(1), key(2), key(3), key(4)}
	for i := range uint32(1000) {
		k := key(1000 + i)
		all := slices.Clone(hubs)
		Rank(all, k)
		for _, lost := range hubs {
			rest := slices.DeleteFunc(slices.Clone(hubs), func(h intentra.PublicKey) bool { return h == lost })
			slices.Reverse(rest) // the order of the list must not matter
			Rank(rest, k)
			want := slices.DeleteFunc(slices.Clone(all), func(h intentra.PublicKey) bool { return h == lost })
			require.Equal(t, want, rest)
		}
	}
}
