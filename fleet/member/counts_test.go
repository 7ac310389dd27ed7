package member

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// TestNothingIsLostInACalmNetwork: the counters stay at zero as long as the network loses
// nothing, so they mean something.
func TestNothingIsLostInACalmNetwork(t *testing.T) {
	w := newNetwork(1)
	w.delay = 0
	for range 3 {
		w.add(t).interest = func(intentra.PublicKey) bool { return true }
	}
	clients := w.clients(9)
	w.pass(2 * time.Second)
	for range 100 {
		for _, c := range clients {
			c.publish()
		}
		w.pass(10 * time.Millisecond)
	}
	w.pass(time.Second)
	for _, n := range w.hubs {
		s := n.member.Stats()
		require.Equal(t, s.Batches.Received, s.Batches.InOrder)
		require.EqualValues(t, 6*200, s.Updates-s.Values)
		require.Zero(t, s.LostReliable)
		require.Equal(t, [Reasons]uint64{}, s.Drops)
		require.Zero(t, s.Refreshes)
	}
	for _, c := range clients {
		for _, n := range w.hubs {
			if n != c.at {
				require.Len(t, n.reliable[c.key], 100)
			}
		}
	}
}

// TestEveryUpdateIsCounted: every update that was sent either comes or is counted, in any
// network that does not partition hubs.
func TestEveryUpdateIsCounted(t *testing.T) {
	for seed := range uint64(20) {
		w := newNetwork(seed)
		w.add(t)
		subscriber := w.add(t)
		subscriber.interest = func(intentra.PublicKey) bool { return true }
		c := &client{key: keyOf("client"), counter: map[string]uint64{"pose": 1, "order": 0}}
		c.join(w.hubs[0])
		w.pass(3 * time.Second)
		w.lost, w.twice = 0.2, 0.1
		for range 200 {
			c.publish()
			w.pass(5 * time.Millisecond)
		}
		w.lost = 0
		w.pass(time.Second)
		c.publish() // the numbers after the last one that came are known with the next
		w.pass(time.Second)
		got := uint64(len(subscriber.reliable[c.key]))
		require.Less(t, got, uint64(201))
		s, sent := subscriber.member.Stats(), w.hubs[0].member.Stats()
		require.EqualValues(t, 201, got+s.LostReliable, "seed %d", seed)
		// One value was sent before the first update.
		require.Equal(t, sent.Accepted+1, s.Updates-s.Again+s.Missing+s.Drops[Doubtful], "seed %d", seed)
		require.EqualValues(t, 402, sent.Accepted)
		require.Equal(t, sent.Accepted, sent.UpdatesSent)
	}
}

// TestReliableUpdatesOfAnOutageAreCounted: a hub that was cut off counts the Reliable updates
// that it has missed, whether the other hub has noticed or not, and none if no subscriber wanted
// them.
func TestReliableUpdatesOfAnOutageAreCounted(t *testing.T) {
	for _, cut := range [][][2]int{{{0, 1}}, {{0, 1}, {1, 0}}} {
		for _, leaves := range []bool{false, true} {
			w := newNetwork(1)
			w.add(t)
			subscriber := w.add(t)
			wanted := true
			subscriber.interest = func(intentra.PublicKey) bool { return wanted }
			c := w.clients(1)[0]
			w.pass(3 * time.Second)
			for i := range 300 {
				switch i {
				case 100:
					for _, link := range cut {
						w.cut[link] = true
					}
				case 200:
					clear(w.cut)
				}
				if i == 150 && leaves {
					wanted = false
					subscriber.reconsider(c.key)
				}
				c.publish()
				w.pass(50 * time.Millisecond)
			}
			w.pass(time.Second)
			s := subscriber.member.Stats()
			require.EqualValues(t, 1, s.Lost)
			if leaves {
				require.Zero(t, s.LostReliable)
				continue
			}
			require.EqualValues(t, 300, uint64(len(subscriber.reliable[c.key]))+s.LostReliable)
			require.Greater(t, s.LostReliable, uint64(90))
		}
	}
}
