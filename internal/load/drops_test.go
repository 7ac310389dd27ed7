package load

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/udp"
)

func TestDrops(t *testing.T) {
	var s intentra.Stats
	s.In.Drops = []pipeline.DropCount{
		{Stage: "aead", Reason: "forged", Packets: 3}, {Stage: "fence", Reason: "outside", Messages: 4}, {Stage: "replay", Reason: "old"},
	}
	s.Out.Drops = []pipeline.DropCount{{Stage: "seal", Reason: "exhausted", Packets: 1}}
	s.SendDrops = []intentra.NamedCount{{Name: "queue_full", Count: 5}, {Name: "closed"}}
	s.ReceiveDrops = 6
	s.Socket.ReadLoss[udp.LossTruncated] = 7
	s.Socket.WriteLoss[udp.LossNoBuffers] = 8
	s.Socket.Overflowed = 9
	d := DropsOf(s)
	require.Equal(t, Drops{
		"aead/forged": 3, "fence/outside": 4, "seal/exhausted": 1, "send/queue_full": 5,
		"receive/overwritten": 6, "read/truncated": 7, "write/no_buffers": 8, "socket/overflow": 9,
	}, d)
	require.Contains(t, d.String(), "aead/forged 3, fence/outside 4, ")

	later := DropsOf(s)
	later.Add(s)
	later.Count("new", "one", 1)
	require.Equal(t, d, later.Since(Drops{"new/one": 1}).Since(d))
	require.Empty(t, d.Since(d))
	require.Equal(t, "none", Drops{}.String())
	text, err := json.Marshal(DropsOf(intentra.Stats{}))
	require.NoError(t, err)
	require.Equal(t, "{}", string(text))
}
