package roster

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

type peer struct{ places [2]int32 }

func newPeers(n int) []*peer {
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = new(peer)
	}
	return peers
}

func newRoster(which int) *Roster[peer] {
	return New(func(p *peer) *int32 { return &p.places[which] })
}

// A roster lists the elements that are in it in the order in which they were
// added, and a snapshot taken earlier does not change.
func TestRosterAgainstASlice(t *testing.T) {
	random := seed.Rand(t)
	peers := newPeers(200)
	r, other := newRoster(0), newRoster(1)
	for _, p := range peers {
		other.Add(p)
	}
	var model, before, copied []*peer
	require.Empty(t, r.Snapshot())
	for range 20_000 {
		p := peers[random.IntN(len(peers))]
		i := slices.Index(model, p)
		switch {
		case i < 0 && random.IntN(3) > 0:
			r.Add(p)
			model = append(model, p)
		default:
			r.Remove(p) // possibly one that is not in it
			if i >= 0 {
				model = slices.Delete(slices.Clone(model), i, i+1)
			}
		}
		require.LessOrEqual(t, len(r.entries), 2*len(model)+1, "more gaps than elements")
		if random.IntN(4) > 0 {
			continue
		}
		require.True(t, slices.Equal(copied, before), "an earlier snapshot has changed")
		before = r.Snapshot()
		copied = slices.Clone(before)
		require.True(t, slices.Equal(model, before))
	}
	require.True(t, slices.Equal(peers, other.Snapshot()), "the other roster has changed")
	r.Clear()
	require.Empty(t, r.Snapshot())
	r.Remove(peers[0])
	r.Add(peers[0])
	require.True(t, slices.Equal(peers[:1], r.Snapshot()))
}

func TestSnapshotAllocatesOnlyAfterChanges(t *testing.T) {
	r := newRoster(0)
	for _, p := range newPeers(100) {
		r.Add(p)
	}
	r.Snapshot()
	require.Zero(t, testing.AllocsPerRun(100, func() { r.Snapshot() }))
}

// Readers get complete lists while elements are added and removed.
func TestRosterFromManyGoroutines(t *testing.T) {
	r := newRoster(0)
	always, sometimes := newPeers(1)[0], newPeers(50)
	r.Add(always)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if s := r.Snapshot(); len(s) == 0 || s[0] != always || slices.Contains(s, nil) {
					t.Error("a snapshot is incomplete")
					return
				}
			}
		})
	}
	for range 100 {
		for _, p := range sometimes {
			r.Add(p)
		}
		for _, p := range sometimes {
			r.Remove(p)
		}
	}
	close(done)
	wg.Wait()
	require.Len(t, r.Snapshot(), 1)
}
