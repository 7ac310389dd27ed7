package sim_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/sim"
)

// listener is a peer that subscribes to a broadcast, behind a link of its own.
type listener struct {
	node  *sim.Node
	total int // also in the first half
	count int
	bytes int
	ages  []time.Duration
}

func (l *listener) oldest() time.Duration {
	slices.Sort(l.ages)
	if len(l.ages) == 0 {
		return 0
	}
	return l.ages[len(l.ages)*99/100]
}

// broadcast sends states of 500 bytes to peers behind the links for d, at 2,000 a
// second, and counts what arrives in the second half.
func broadcast(t *testing.T, buffer int, intent intentra.Intent, d time.Duration, links ...sim.Link) []*listener {
	w := sim.New(1)
	hub, err := w.Node("hub", netip.AddrPort{}, intentra.Config{Authorize: intentra.AllowAny, MaxDatagram: 1232})
	require.NoError(t, err)
	hub.SendBuffer = buffer
	counting := false
	var all []*listener
	for i, k := range links {
		l := new(listener)
		l.node, err = w.Node(fmt.Sprint("peer", i), netip.AddrPort{}, intentra.Config{})
		require.NoError(t, err)
		w.SetLink(hub, l.node, k)
		w.SetLink(l.node, hub, sim.Link{Delay: k.Delay})
		require.NoError(t, l.node.Dial(hub.Key()))
		l.node.OnMessage = func(_ intentra.PublicKey, m intentra.Message) {
			if l.total++; counting {
				l.count++
				l.bytes += len(m.Payload)
				l.ages = append(l.ages, w.Elapsed()-time.Duration(binary.BigEndian.Uint64(m.Payload)))
			}
		}
		all = append(all, l)
	}
	require.NoError(t, w.Run(time.Second))
	payload := make([]byte, 500)
	n := 0
	w.Every(500*time.Microsecond, func() {
		binary.BigEndian.PutUint64(payload, uint64(w.Elapsed()))
		n++
		hub.Broadcast(intentra.Message{Channel: uint32(n % 20), Intent: intent, Payload: payload})
	})
	require.NoError(t, w.Run(d))
	counting = true
	require.NoError(t, w.Run(d))
	return all
}

// A peer behind a slow link leaves the others their rate, and gets what its link
// carries in fresh states.
func TestSlowRoute(t *testing.T) {
	race.SkipHistory(t)
	const second = 125_000 // bytes: 1 Mbit/s
	for _, buffer := range []int{100 << 10, 208 << 10, 4 << 20} {
		for _, queue := range []int{6 << 10, 9 << 10, 32 << 10, 1 << 20} {
			for _, intent := range []intentra.Intent{intentra.Latest, intentra.Realtime} {
				t.Run(fmt.Sprintf("buffer %d, queue %d, %v", buffer, queue, intent), func(t *testing.T) {
					t.Parallel()
					all := broadcast(t, buffer, intent, 5*time.Second,
						sim.Link{Delay: time.Millisecond},
						sim.Link{Delay: 5 * time.Millisecond, Rate: second, Queue: queue})
					fast, slow := all[0], all[1]
					t.Logf("fast: %d, oldest %v; slow: %.3f, oldest %v", fast.count, fast.oldest(), float64(slow.bytes)/(5*second), slow.oldest())
					require.GreaterOrEqual(t, fast.count, 2000*5*98/100)
					require.GreaterOrEqual(t, fast.total, 2000*10*98/100)
					require.Less(t, fast.oldest(), 50*time.Millisecond)
					require.GreaterOrEqual(t, slow.bytes, 5*second*80/100)
					require.Less(t, slow.oldest(), time.Second)
				})
			}
		}
	}
}

// Many slow links at once do not fill the send buffer for long.
func TestManySlowRoutes(t *testing.T) {
	race.SkipHistory(t)
	const second = 125_000
	for _, buffer := range []int{208 << 10, 1 << 20} {
		links := []sim.Link{{Delay: time.Millisecond}}
		for range 24 {
			links = append(links, sim.Link{Delay: 5 * time.Millisecond, Rate: second, Queue: 1 << 20})
		}
		all := broadcast(t, buffer, intentra.Latest, 5*time.Second, links...)
		t.Logf("fast: %d, oldest %v; slow: %.3f, oldest %v", all[0].count, all[0].oldest(), float64(all[1].bytes)/(5*second), all[1].oldest())
		require.GreaterOrEqual(t, all[0].count, 2000*5*98/100)
		require.GreaterOrEqual(t, all[0].total, 2000*10*98/100)
		for _, slow := range all[1:] {
			require.GreaterOrEqual(t, slow.bytes, 5*second*80/100)
			require.Less(t, slow.oldest(), time.Second)
		}
	}
}
