package metrics

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/seed"
)

func TestPeerLabelsAreBounded(t *testing.T) {
	r := seed.Rand(t)
	const peers = 50
	var s snapshot
	for i := range peers {
		s.peers = append(s.peers, intentra.PeerStats{Key: intentra.PublicKey{byte(i)}, RTT: 1})
	}
	for _, limit := range []int{-1, 0, 1, 7, peers, peers + 1} {
		r.Shuffle(peers, func(i, j int) { s.peers[i], s.peers[j] = s.peers[j], s.peers[i] })
		want := map[string]bool{}
		for i := range min(max(limit, 0), peers) {
			want[intentra.PublicKey{byte(i)}.String()] = true
		}
		got, series := map[string]bool{}, 0
		all := values(t, gatherer(t, s, WithPeerLabels(limit)))
		for name := range all {
			if _, key, ok := strings.Cut(name, ",peer="); ok {
				got[strings.TrimSuffix(key, "}")] = true
				series++
			}
		}
		require.Equal(t, want, got, "limit %d", limit)
		require.Equal(t, 13*len(want), series, "limit %d", limit)
		require.Equal(t, float64(peers-len(want)), all["intentra_unlabelled_peers"], "limit %d", limit)
	}
}

// A key dialled with two identities counts as two peers, and the limit selects
// the same one in any order.
func TestPeersOfOneKey(t *testing.T) {
	key := intentra.PublicKey{1}
	one := intentra.PeerStats{Key: key, Identity: intentra.PublicKey{2}, RTT: 1, MessagesOut: 11}
	other := intentra.PeerStats{Key: key, Identity: intentra.PublicKey{3}, RTT: 1, MessagesOut: 12}
	series := func(s intentra.PeerStats) string {
		return "intentra_peer_messages_sent_total{identity=" + s.Identity.String() + ",peer=" + key.String() + "}"
	}
	for _, peers := range [][]intentra.PeerStats{{one, other}, {other, one}} {
		both := values(t, gatherer(t, snapshot{peers: peers}, WithPeerLabels(2)))
		require.Equal(t, 11.0, both[series(one)])
		require.Equal(t, 12.0, both[series(other)])

		single := values(t, gatherer(t, snapshot{peers: peers}, WithPeerLabels(1)))
		require.Contains(t, single, series(one))
		require.NotContains(t, single, series(other))
	}
}

// Without the option, the number of series does not depend on the peers.
func TestNoPeerLabelsByDefault(t *testing.T) {
	one, many := distinct(), distinct()
	for i := range 200 {
		many.peers = append(many.peers, intentra.PeerStats{Key: intentra.PublicKey{2, byte(i)}, RTT: 1})
	}
	require.Len(t, values(t, gatherer(t, many)), len(values(t, gatherer(t, one))))
}
