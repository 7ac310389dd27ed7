package member

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// subscriber is a peer that moves to another hub when its own dies. It subscribes to all Latest
// topics with their cached values.
type subscriber struct {
	t    *testing.T
	seed uint64
	at   *node
	seen map[intentra.PublicKey]uint64
}

func (s *subscriber) receive(k intentra.PublicKey, v uint64) {
	require.GreaterOrEqual(s.t, v, s.seen[k], "seed %d: went back at hub %d at %v", s.seed, s.at.index, s.at.w.now)
	s.seen[k] = v
}

// join has the subscriber receive the cached values of a hub, and what comes next.
func (s *subscriber) join(n *node, clients []*client) {
	if s.at != nil {
		s.at.fled = nil
	}
	s.at, n.fled, n.interest = n, s, everything
	for _, c := range clients {
		if r := n.remotes[c.key]; r != nil {
			if t := r.topics["pose"]; t != nil && t.value > 0 {
				s.receive(c.key, t.value)
			}
			n.reconsider(c.key)
		}
		if c.at == n {
			s.receive(c.key, c.counter["pose"])
		}
	}
}

// fleeAfter is the time after which a peer notices the death of its hub at the earliest: see
// unanswered and dialTimeout of package roam.
const fleeAfter = 1500 * time.Millisecond

// TestSubscribersThatFlee: a subscriber whose hub dies gets no value at its next hub that is older
// than one before, although the dead hub had not sent all values to others.
func TestSubscribersThatFlee(t *testing.T) {
	for seed := range uint64(8) {
		w := newNetwork(seed)
		for range 3 {
			w.add(t).interest = everything
		}
		clients := w.clients(6)
		s := &subscriber{t: t, seed: seed, seen: make(map[intentra.PublicKey]uint64)}
		s.join(w.hubs[0], clients)
		publish := func(steps int) {
			for range steps {
				for _, c := range clients {
					if c.at != nil && w.rng.IntN(2) == 0 {
						c.publish()
					}
				}
				w.pass(time.Duration(w.rng.IntN(30)) * time.Millisecond)
			}
		}
		w.pass(2 * time.Second)
		for range 3 {
			for _, n := range w.hubs { // hubs without the subscriber want a topic now and then
				wanted := w.rng.IntN(2) == 0
				if n != s.at {
					n.interest = func(intentra.PublicKey) bool { return wanted }
				}
				for k := range n.remotes {
					n.reconsider(k)
				}
			}
			publish(20)
			dead := s.at
			dead.up = false
			var homeless []*client
			for _, c := range clients {
				if c.at == dead {
					homeless = append(homeless, c)
					c.at = nil
				}
			}
			for early := w.now; w.now < early+fleeAfter; {
				publish(1)
			}
			s.join(w.hubs[(dead.index+1+w.rng.IntN(2))%3], clients)
			publish(w.rng.IntN(40))
			for _, c := range homeless {
				next := w.hubs[(dead.index+1+w.rng.IntN(2))%3]
				c.join(next)
				publish(1)
			}
			publish(20)
			dead.start()
			clear(dead.delivered)
			w.pass(2 * time.Second)
		}
		for _, c := range clients {
			require.Equal(t, c.counter["pose"], s.seen[c.key], "seed %d", seed)
		}
	}
}

// TestDoubtedHub: as long as heartbeats of a hub are missing, its values are not given to
// subscribers, old or new ones, and Reliable updates are. Then the newest come, even if none was
// published since.
func TestDoubtedHub(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	c, b := clients[0], w.hubs[1]
	for _, updates := range []int{0, 5} {
		orders, before := len(b.reliable[c.key]), b.member.Stats()
		w.drop = func(from, _ int, kind string, _ []byte) bool { return from == 0 && kind == "heartbeat" }
		w.pass(1300 * time.Millisecond)
		require.Zero(t, b.value(c))
		require.True(t, b.remotes[c.key].connected, "it is not lost")
		for range updates {
			c.publish()
			w.pass(20 * time.Millisecond)
		}
		require.Zero(t, b.value(c))
		s := b.member.Stats()
		require.EqualValues(t, updates, s.Drops[Doubtful]-before.Drops[Doubtful])
		require.Len(t, b.reliable[c.key], orders+updates)
		require.EqualValues(t, 1, s.Doubted-before.Doubted)
		w.drop = nil
		w.pass(time.Second)
		require.Equal(t, c.counter["pose"], b.value(c))
		c.publish()
		w.pass(20 * time.Millisecond)
		require.Equal(t, c.counter["pose"], b.value(c))
		s = b.member.Stats()
		require.EqualValues(t, updates, s.Drops[Doubtful]-before.Drops[Doubtful])
		require.Zero(t, s.Missing)
		require.Zero(t, s.Lost)
	}
}

// TestValueOvertakenInDoubt: if an update overtakes the newest value that was asked for after a
// silence, the value is asked for again.
func TestValueOvertakenInDoubt(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	c, a, b := clients[0], w.hubs[0], w.hubs[1]
	w.drop = func(from, _ int, kind string, _ []byte) bool { return from == 0 && kind == "heartbeat" }
	w.pass(1300 * time.Millisecond)
	var answer []byte
	w.drop = func(from, _ int, kind string, f []byte) bool {
		if from == 0 && kind == "direct" && len(f) > 0 && f[0] != '{' && answer == nil {
			answer = append([]byte(nil), f...)
			return true
		}
		return false
	}
	for range 100 {
		if answer == nil {
			w.pass(10 * time.Millisecond)
		}
	}
	require.NotNil(t, answer)
	c.publish()
	a.turn(func() { a.member.Flush() })
	w.pass(10 * time.Millisecond)
	b.turn(func() { b.member.ReceiveDirect(answer) })
	require.Zero(t, b.value(c))
	w.pass(time.Second)
	require.Equal(t, c.counter["pose"], b.value(c))
}

// TestUnwantedValuesAreNotKept: a hub keeps no cached value of a topic that it no longer wants.
func TestUnwantedValuesAreNotKept(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	c, b := clients[0], w.hubs[1]
	require.NotZero(t, b.value(c))
	b.interest = func(intentra.PublicKey) bool { return false }
	b.reconsider(c.key)
	w.pass(100 * time.Millisecond)
	require.Zero(t, b.value(c))
	b.interest = everything
	b.reconsider(c.key)
	w.pass(100 * time.Millisecond)
	require.Equal(t, c.counter["pose"], b.value(c))
}
