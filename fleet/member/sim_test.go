package member

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

var seeds = flag.Int("seeds", 40, "how many seeds of the simulation to run")

// TestFleet: whatever the network does, no value goes back, nothing comes twice, and once
// it is calm every hub has the newest value of every publisher that it wants.
func TestFleet(t *testing.T) {
	for seed := range uint64(*seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { runSeed(t, seed) })
	}
}

func runSeed(t *testing.T, seed uint64) {
	w := newNetwork(seed)
	w.lost, w.twice = w.rng.Float64()*0.2, w.rng.Float64()*0.1
	for i := range 2 + w.rng.IntN(3) {
		n := w.add(t)
		n.skew = time.Duration(w.rng.IntN(20)) * time.Minute
		n.interest = func(k intentra.PublicKey) bool { return (int(k[0])+i)%3 > 0 }
	}
	clients := w.clients(6)
	for range 60 {
		w.pass(time.Duration(w.rng.IntN(100)) * time.Millisecond)
		for _, c := range clients {
			if c.at != nil && w.rng.IntN(3) > 0 {
				c.publish()
			}
		}
		switch w.rng.IntN(12) {
		case 0:
			a, b := w.rng.IntN(len(w.hubs)), w.rng.IntN(len(w.hubs))
			w.cut[[2]int{a, b}] = !w.cut[[2]int{a, b}]
		case 1:
			w.crash(clients)
		case 2:
			c := clients[w.rng.IntN(len(clients))]
			if c.at != nil {
				c.leave()
			}
			w.pass(10 * time.Millisecond)
			c.join(w.hubs[w.rng.IntN(len(w.hubs))])
		case 3:
			w.pass(time.Duration(w.rng.IntN(4000)) * time.Millisecond)
		}
	}
	w.lost, w.twice, w.cut = 0, 0, map[[2]int]bool{}
	w.pass(8 * time.Second)
	if seed%2 == 0 { // otherwise what was lost must have come by itself
		w.ageless = 0
		for _, c := range clients {
			c.publish()
		}
		w.pass(time.Second)
		require.Zero(t, w.ageless)
	}
	w.check(t, clients)
}

// crash restarts a hub. Its clients move to others.
func (w *network) crash(clients []*client) {
	n := w.hubs[w.rng.IntN(len(w.hubs))]
	n.start()
	// The subscribers of this hub move as well: they start afresh.
	clear(n.delivered)
	for _, c := range clients {
		if c.at == n {
			c.join(w.hubs[w.rng.IntN(len(w.hubs))])
		}
	}
}

func (w *network) check(t *testing.T, clients []*client) {
	for _, n := range w.hubs {
		s := n.member.Stats()
		require.Equal(t, len(w.hubs)-1, s.Hubs)
		require.Zero(t, s.Malformed)
		topics := 0
		for _, c := range clients {
			if c.at == n {
				continue
			}
			topics += 2
			r := n.remotes[c.key]
			require.NotNil(t, r, "hub %d does not know %x", n.index, c.key[:4])
			require.True(t, r.connected)
			require.Len(t, r.topics, 2)
			if n.interest(c.key) {
				require.Equal(t, c.counter["pose"], r.topics["pose"].value, "hub %d, client at %d", n.index, c.at.index)
			} else {
				require.False(t, c.at.member.hubs[n.key].wants[c.ids["pose"]])
			}
		}
		require.Equal(t, topics, s.Topics)
	}
}
