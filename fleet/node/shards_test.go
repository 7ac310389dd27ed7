package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/flow"
	"github.com/intentra/intentra/fleet/member"
	"github.com/intentra/intentra/hub"
)

// TestRates: rates are those of the time since the measurement before, a hub that was forgotten
// begins again, and what is too close to the last measurement is not one.
func TestRates(t *testing.T) {
	self, other := intentra.PublicKey{1}, intentra.PublicKey{2}
	names := newSubjects("f")
	var r rates
	seen := func(in, out uint64) []member.Seen {
		return []member.Seen{{Key: self, Self: true}, {
			Key: other, In: member.Traffic{Batches: in, Updates: 10 * in, Bytes: 100 * in}, Out: member.Traffic{Batches: out, Updates: out, Bytes: 7 * out},
			Flow: flow.Counts{Missing: 5, Reordered: 3},
		}}
	}
	r.measure(seen(10, 0), 5*time.Second)
	require.Zero(t, r.shards(seen(10, 0), self, names)[0].UpdatesPerSecond, "nothing is known of the time before")
	r.measure(seen(14, 30), 7*time.Second)
	r.measure(seen(20, 90), 7500*time.Millisecond)
	list := r.shards(seen(20, 90), self, names)
	require.Equal(t, []Shard{
		{From: other, To: self, In: true, Subject: names.to(self), Traffic: member.Traffic{Batches: 20, Updates: 200, Bytes: 2000}, UpdatesPerSecond: 20, BytesPerSecond: 200, Gaps: 2},
		{From: self, To: other, Subject: names.to(other), Traffic: member.Traffic{Batches: 90, Updates: 90, Bytes: 630}, UpdatesPerSecond: 15, BytesPerSecond: 105},
	}, list)
	r.measure(seen(1, 90), 9*time.Second)
	list = r.shards(seen(1, 90), self, names)
	require.Zero(t, list[0].UpdatesPerSecond, "the hub was forgotten")
	require.Equal(t, 30.0, list[1].UpdatesPerSecond)
	r.measure(nil, 11*time.Second)
	require.Empty(t, r.rate, "of hubs that are gone nothing is kept")
}

// TestShardsAcrossHubs: both ends of a shard count the same.
func TestShardsAcrossHubs(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	publisher, subscriber := f.dial(f.nodes[0]), f.dial(f.nodes[1])
	orders, err := publisher.Declare(t.Context(), hub.Topic{Name: "orders", Intent: intentra.Reliable})
	require.NoError(t, err)
	s, err := subscriber.Subscribe(t.Context(), hub.Subscription{Pattern: "*/orders"})
	require.NoError(t, err)
	f.until(orders.Wanted)
	for range 100 {
		require.NoError(t, orders.Send([]byte("x")))
	}
	for range 100 {
		_, err := s.Next(t.Context())
		require.NoError(t, err)
	}
	shard := func(at int, in bool) Shard {
		for _, s := range f.nodes[at].Status().Shards {
			if s.In == in {
				return s
			}
		}
		return Shard{}
	}
	sent, came := shard(0, false), shard(1, true)
	require.EqualValues(t, 100, sent.Updates)
	require.Equal(t, sent.Traffic, came.Traffic)
	require.Equal(t, sent.Subject, came.Subject)
	require.Equal(t, [2]intentra.PublicKey{sent.From, sent.To}, [2]intentra.PublicKey{came.From, came.To})
	require.Zero(t, came.Gaps)
	require.Zero(t, shard(0, true).Updates+shard(1, false).Updates)
}
