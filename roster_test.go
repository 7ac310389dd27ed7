package intentra

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

// Whoever comes and goes, the roster lists those who are there in the order in
// which they came; a list that was given out before does not change; and the
// gaps never outnumber the peers.
func TestRoster(t *testing.T) {
	rng := seed.Rand(t)
	peers := make([]*Peer, 200)
	for i := range peers {
		peers[i] = new(Peer)
	}
	// The other roster's places are its own.
	r, other := roster{number: 1}, roster{}
	for _, p := range peers {
		other.add(p)
	}
	var model, before, copied []*Peer
	require.Empty(t, r.snapshot())
	for range 20_000 {
		p := peers[rng.IntN(len(peers))]
		i := slices.Index(model, p)
		switch {
		case i < 0 && rng.IntN(3) > 0:
			r.add(p)
			model = append(model, p)
		default:
			r.remove(p) // also one that is not there
			if i >= 0 {
				model = slices.Delete(slices.Clone(model), i, i+1)
			}
		}
		require.LessOrEqual(t, len(r.entries), 2*len(model)+1)
		if rng.IntN(4) > 0 {
			continue
		}
		require.True(t, slices.Equal(copied, before), "a list given out before")
		before = r.snapshot()
		copied = slices.Clone(before)
		require.True(t, slices.Equal(model, before))
	}
	require.True(t, slices.Equal(peers, other.snapshot()))
	r.clear()
	require.Empty(t, r.snapshot())
	r.remove(peers[0])
	r.add(peers[0])
	require.True(t, slices.Equal(peers[:1], r.snapshot()))
}

func TestRosterAllocatesOnlyAfterChanges(t *testing.T) {
	var r roster
	for range 100 {
		r.add(new(Peer))
	}
	r.snapshot()
	require.Zero(t, testing.AllocsPerRun(100, func() { r.snapshot() }))
}

// Readers see each list whole while peers come and go.
func TestRosterFromManyGoroutines(t *testing.T) {
	var r roster
	always, sometimes := new(Peer), make([]*Peer, 50)
	for i := range sometimes {
		sometimes[i] = new(Peer)
	}
	r.add(always)
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
				if s := r.snapshot(); len(s) == 0 || s[0] != always || slices.Contains(s, nil) {
					t.Error("not a list of the peers")
					return
				}
			}
		})
	}
	for range 100 {
		for _, p := range sometimes {
			r.add(p)
		}
		for _, p := range sometimes {
			r.remove(p)
		}
	}
	close(done)
	wg.Wait()
	require.Len(t, r.snapshot(), 1)
}

// The end of a peer is seen in all tables, and touches nobody else there; and
// only those that know us by Config.Key are found by their key.
func TestTablesOfATransport(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	transport := func() *Transport {
		key, err := GenerateKey()
		require.NoError(t, err)
		tr, err := Listen("127.0.0.1:0", Config{Key: key, Authorize: AllowAny})
		require.NoError(t, err)
		t.Cleanup(func() { _ = tr.Close() })
		return tr
	}
	l, g := transport(), transport()
	own, err := g.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
	require.NoError(t, err)
	var peers []*Peer
	for range 3 {
		key, err := GenerateKey()
		require.NoError(t, err)
		p, err := g.DialAs(ctx, key, l.LocalAddr().String(), l.PublicKey())
		require.NoError(t, err)
		peers = append(peers, p)
	}
	check := func(known ...*Peer) {
		t.Helper()
		require.True(t, slices.Equal(known, g.known.snapshot()))
		require.True(t, slices.Equal(known, g.connected.snapshot()))
		found, ok := g.Peer(l.PublicKey())
		require.True(t, ok)
		require.Same(t, own, found)
	}
	check(own, peers[0], peers[1], peers[2])
	require.NoError(t, peers[0].Close())
	done := make(chan struct{})
	require.True(t, g.call(func(pipeline.Time) {
		g.handleEvents()
		g.forget(peers[0])
		close(done)
	}))
	<-done
	check(own, peers[1], peers[2])
}
