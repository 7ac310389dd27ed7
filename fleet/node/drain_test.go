package node

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/member"
	"github.com/intentra/intentra/fleet/place"
	"github.com/intentra/intentra/hub"
)

// TestHubsForAPeer: a peer is sent the hubs that are alive and not draining, in the same order in
// which a client ranks them.
func TestHubsForAPeer(t *testing.T) {
	var all []member.Seen
	for i := range byte(16) {
		all = append(all, member.Seen{Key: intentra.PublicKey{i + 1}, Addr: "hub:1", Alive: i%4 != 1, Draining: i%4 == 2})
	}
	hubs := admitting(all)
	require.Len(t, hubs, 8)
	for _, h := range hubs {
		require.Contains(t, []byte{0, 3}, (h.Key[0]-1)%4)
		require.Equal(t, "hub:1", h.Addr)
	}
	for i := range byte(100) {
		k := intentra.PublicKey{0, i}
		var want, got []intentra.PublicKey
		for _, h := range hubs {
			want = append(want, h.Key)
		}
		place.Rank(want, k)
		for _, h := range ranked(hubs, k) {
			got = append(got, h.Key)
		}
		require.Equal(t, want, got)
	}
	require.Equal(t, hub.Address{Addr: "hub:1", Key: intentra.PublicKey{1}}, hubs[0], "the list is not changed")
}
