package conn

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

// At the cap each new peer evicts the one that has been without a session for
// longest. A peer that has reconnected in between is the last in line.
func TestLingeringAtTheCap(t *testing.T) {
	const most = 1000
	now := testStart
	e := newEndpoint(t, func(c *Config) { c.MaxPeers = most })
	key := func(i int) [KeySize]byte { return [KeySize]byte{byte(i), byte(i >> 8), 1} }
	for i := range most {
		require.NotNil(t, e.peerFor(key(i), now))
		now++
	}
	for i := range most / 2 {
		p := e.peerFor(key(2*i), now)
		e.lingerPeer(p, now)
	}
	gone := func() []int {
		var out []int
		for _, ev := range e.Events() {
			require.Equal(t, PeerForgotten, ev.Kind)
			out = append(out, int(ev.Peer.Key[0])+int(ev.Peer.Key[1])<<8)
		}
		return out
	}
	for i := range most {
		require.NotNil(t, e.peerFor(key(most+i), now))
		first := 2*i + 1 // those that have not reconnected
		if i >= most/2 {
			first = 2*i - most
		}
		require.Equal(t, []int{first}, gone())
		require.Len(t, e.peers, most)
	}
	// If all are in use, none is evicted.
	for i := range most {
		e.peerFor(key(most+i), now)
	}
	require.Nil(t, e.peerFor(key(5*most), now))
	require.Empty(t, gone())
}

// A peer that is being dialled is in use.
func TestDialledPeersDoNotLinger(t *testing.T) {
	e := newEndpoint(t, func(c *Config) { c.MaxPeers = 3 })
	for i := range 3 {
		_, err := e.Dial([KeySize]byte{byte(i), 1}, testStart)
		require.NoError(t, err)
	}
	_, err := e.Dial([KeySize]byte{3, 1}, testStart)
	require.ErrorIs(t, err, ErrTooManyPeers)
	require.Zero(t, e.lingering.peers.Len())
}

// Each peer is forgotten when its own time is over, whichever others come and go.
// The model is a plain list.
func TestLingeringTimes(t *testing.T) {
	rng := seed.Rand(t)
	now := testStart
	e := newEndpoint(t, func(c *Config) { c.MaxPeers = 20 })
	e.cfg.ForgetAfter = 100
	type entry struct {
		key   byte
		until pipeline.Time
	}
	var model []entry
	used := map[byte]*Peer{}
	for range 10_000 {
		now += pipeline.Time(rng.IntN(8))
		e.HandleTimeout(now)
		var want []byte
		for len(model) > 0 && model[0].until <= now {
			want = append(want, model[0].key)
			model = model[1:]
		}
		k := byte(rng.IntN(30))
		key := [KeySize]byte{k, 1}
		at := slices.IndexFunc(model, func(o entry) bool { return o.key == k })
		switch p := used[k]; {
		case p != nil:
			delete(used, k)
			p.dial = nil
			e.lingerPeer(p, now)
			e.lingerPeer(p, now+1) // again, which has no effect
			model = append(model, entry{k, later(now, 100)})
		case at >= 0:
			used[k] = e.Peer(key)
			e.peerFor(key, now).dial = &dial{}
			model = slices.Delete(model, at, at+1)
		default:
			full := len(model)+len(used) == 20
			p := e.peerFor(key, now)
			require.Equal(t, full && len(model) == 0, p == nil)
			if p == nil {
				break
			}
			if full {
				want = append(want, model[0].key)
				model = model[1:]
			}
			model = append(model, entry{k, later(now, 100)})
		}
		var got []byte
		for _, ev := range e.Events() {
			got = append(got, ev.Peer.Key[0])
		}
		require.Equal(t, want, got)
		require.Len(t, e.peers, len(model)+len(used))
	}
	for _, p := range used {
		p.dial = nil
		e.lingerPeer(p, now)
	}
	now = later(now, time.Second)
	e.HandleTimeout(now)
	require.Empty(t, e.peers)
	require.Zero(t, e.timers.Len())
	require.Zero(t, e.lingering.peers.Len())
}
