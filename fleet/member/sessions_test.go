package member

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// These tests are about keys that are connected to two hubs.

// TestOneKeyAtTwoHubs: the session whose claim has the higher revision stays, also if the
// hubs had not heard of each other's.
func TestOneKeyAtTwoHubs(t *testing.T) {
	for _, newest := range []int{0, 1} {
		w := newNetwork(uint64(newest))
		a, b := w.add(t), w.add(t)
		for _, n := range w.hubs {
			n.interest = func(intentra.PublicKey) bool { return true }
		}
		for _, n := range w.hubs {
			c := &client{key: keyOf("client"), counter: map[string]uint64{"pose": 1, "order": 0}}
			c.join(n)
			n.turn(func() {})
			claims := n.member.Claims()
			require.Len(t, claims, 1)
			require.EqualValues(t, 1, claims[0].Generation)
			n.turn(func() { n.member.Claimed(claims[0], uint64(10+((n.index+newest)%2))) })
		}
		w.pass(2 * time.Second)
		winner, loser := b, a
		if newest == 1 {
			winner, loser = a, b
		}
		require.EqualValues(t, 1, loser.member.Stats().Replaced)
		require.Zero(t, winner.member.Stats().Replaced)
		require.True(t, loser.remotes[keyOf("client")].connected)
	}
}

// claim enters the claim of a session of a client in the key-value store.
func (n *node) claim(c *client, revision uint64) {
	n.turn(func() {
		if l := n.member.publishers[c.key].local; l != nil {
			n.member.Claimed(Claim{c.key, l.generation}, revision)
		}
	})
}

// TestNewestSession: if a key is connected to two hubs, the session that began last stays,
// and a third hub shows it, even if its claim is entered first. All hubs agree on sessions that
// began at once.
func TestNewestSession(t *testing.T) {
	shown := func(n *node, c *client) intentra.PublicKey { return n.member.publishers[c.key].shown.hub.key }
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		for _, revisions := range [][2]uint64{{7, 6}, {6, 7}, {0, 0}} {
			t.Run(fmt.Sprint(order, revisions), func(t *testing.T) {
				w, _ := calmNetwork(t, 4)
				c := &client{key: keyOf("twice"), counter: map[string]uint64{"pose": 1}}
				first, last := w.hubs[order[0]], w.hubs[order[1]]
				c.join(first)
				w.pass(time.Second)
				c.join(last)
				last.turn(func() {}) // its news has not reached first
				for i, n := range []*node{first, last} {
					if revisions[i] > 0 {
						n.claim(c, revisions[i])
					}
				}
				w.pass(time.Second)
				require.Equal(t, last.key, shown(w.hubs[2], c))
				require.Equal(t, last.key, shown(first, c))
				require.Equal(t, []intentra.PublicKey{c.key}, first.replaced)
				require.Empty(t, last.replaced)
			})
		}
	}
	w, _ := calmNetwork(t, 4)
	c := &client{key: keyOf("at once"), counter: map[string]uint64{"pose": 1}}
	c.join(w.hubs[0])
	c.join(w.hubs[1])
	w.pass(time.Second)
	require.Equal(t, shown(w.hubs[2], c), shown(w.hubs[3], c))
}

// TestSessionAfterAForgottenOne: a session at a hub that has forgotten an earlier one of the same
// key is not taken for that one, which a session elsewhere has replaced.
func TestSessionAfterAForgottenOne(t *testing.T) {
	w, _ := calmNetwork(t, 2)
	a, b := w.hubs[0], w.hubs[1]
	c := &client{key: keyOf("back"), counter: map[string]uint64{"pose": 1}}
	c.join(a)
	w.pass(time.Second)
	c.join(b)
	w.pass(time.Second)
	require.Equal(t, []intentra.PublicKey{c.key}, a.replaced)
	a.events = append(a.events, func() { a.member.LocalForgotten(c.key) })
	w.drop = func(from, _ int, _ string, _ []byte) bool { return from == 1 } // a receives nothing from b for a while
	w.pass(70 * time.Second)
	w.drop = nil
	c.join(a)
	a.turn(func() {})
	w.pass(time.Second)
	require.Len(t, a.replaced, 1, "the new session")
}

// TestUnconfirmedSessions: a peer moves from hub to hub, and hubs keep sessions that it has
// left or never used. Claims are entered in any order, after any time. Its newest session is
// never ended, and once the network is calm it is the only one.
func TestUnconfirmedSessions(t *testing.T) {
	for seed := range uint64(10) {
		w := newNetwork(seed)
		for range 4 {
			w.add(t).interest = everything
		}
		w.pass(2 * time.Second)
		c := &client{key: keyOf("mover"), counter: map[string]uint64{"pose": 1, "order": 0}}
		revision, at := uint64(0), w.hubs[0]
		for range 10 {
			at = w.hubs[(at.index+1+w.rng.IntN(3))%4]
			ended := len(at.replaced)
			c.join(at)
			w.pass(200*time.Millisecond + time.Duration(w.rng.IntN(1000))*time.Millisecond)
			for range w.rng.IntN(4) {
				if n := w.hubs[w.rng.IntN(4)]; n.member.publishers[c.key] != nil {
					revision++
					n.claim(c, revision)
				}
			}
			w.pass(time.Duration(w.rng.IntN(100)) * time.Millisecond)
			require.Len(t, at.replaced, ended, "seed %d: the newest session has ended at hub %d", seed, at.index)
		}
		w.pass(2 * time.Second)
		for _, n := range w.hubs {
			l := n.member.publishers[c.key].local
			require.Equal(t, n == at, l != nil && l.connected, "seed %d", seed)
		}
	}
}
