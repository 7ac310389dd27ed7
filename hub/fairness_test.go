package hub

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// crowdAccess is the list of n robots and viewers.
func crowdAccess(n int) (list string) {
	for i := range n {
		list += line(fmt.Sprint("robot-", i), "") + line(fmt.Sprint("viewer-", i), "publish=")
	}
	return list
}

// Two publishers flood the hub: one with 400 empty messages in each of 9,500 packets/s, the
// other with as many packets of 1,180 bytes. At least 99.9 % of the updates of each honest
// publisher arrive.
func TestFloodsDisplaceNoHonestUpdate(t *testing.T) {
	for _, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest} {
		w := newWorld(t, crowdAccess(6))
		viewer := w.join("viewer-0")
		got := map[string]int{}
		viewer.subscribe(Subscription{Pattern: "**", Handler: func(u Update) { got[u.Publisher.Name]++ }})
		var honest []*Publication
		for i := range 6 {
			honest = append(honest, w.join(fmt.Sprint("robot-", i)).declare(Topic{Name: "state", Intent: intent}))
		}
		honest = honest[:4]
		w.pass(time.Second)
		small, large := w.peerOf("robot-4"), w.peerOf("robot-5")
		sent, ticks := 0, 0
		stop := w.Every(time.Millisecond, func() {
			for range 9 { // they have come in 9 packets each, half a packet is left out
				for range 400 {
					w.hub.receive(intentra.Received{Peer: small, Message: intentra.Message{Channel: 1, Intent: intent}})
				}
				w.hub.receive(intentra.Received{Peer: large, Message: intentra.Message{Channel: 1, Intent: intent, Payload: make([]byte, 1180)}})
			}
			if ticks++; ticks%5 == 0 { // 200 Hz
				sent++
				for _, p := range honest {
					require.NoError(t, p.Send(make([]byte, 100)))
				}
			}
		})
		w.pass(500 * time.Millisecond)
		stop()
		w.pass(time.Second)
		for i := range honest {
			require.GreaterOrEqual(t, float64(got[fmt.Sprint("robot-", i)]), 0.999*float64(sent), "%v", intent)
		}
		for _, s := range w.hub.PublisherStats() {
			switch s.Name {
			case "robot-4":
				require.Greater(t, s.Drops[DropUpdates], uint64(9*400*500*9/10))
			case "robot-5":
				require.Greater(t, s.Drops[DropBytes], uint64(1000))
			default:
				require.Zero(t, s.Drops, s.Name)
			}
		}
	}
}

// Two publishers send Reliable updates of one byte as fast as they can, up to 40,000/s. The
// Reliable updates of honest publishers arrive, all and in order, no peer is
// disconnected, and no subscription ends.
func TestReliableFloods(t *testing.T) {
	w := newWorld(t, crowdAccess(4))
	viewer := w.join("viewer-0")
	got := map[string][]string{}
	viewer.subscribe(Subscription{Pattern: "**", Handler: func(u Update) {
		got[u.Publisher.Name] = append(got[u.Publisher.Name], string(u.Payload))
	}})
	var logs []*Publication
	for i := range 4 {
		logs = append(logs, w.join(fmt.Sprint("robot-", i)).declare(Topic{Name: "log", Intent: intentra.Reliable}))
	}
	w.pass(time.Second)
	var want []string
	accepted := 0 // of robot-2
	stop := w.Every(time.Millisecond, func() {
		for range 40 {
			if logs[2].Send([]byte("x")) == nil { // what does not fit is refused
				accepted++
			}
			_ = logs[3].Send([]byte("x"))
		}
		if len(want) < 1000 && w.Elapsed()%(5*time.Millisecond) == 0 {
			want = append(want, fmt.Sprint(len(want)))
			require.NoError(t, logs[0].Send([]byte(want[len(want)-1])))
			require.NoError(t, logs[1].Send([]byte(want[len(want)-1])))
		}
	})
	w.pass(500 * time.Millisecond)
	stop()
	require.InDelta(t, 5_000, len(got["robot-2"]), 2500, "10,000/s for half a second")
	w.pass(2 * time.Second)
	require.Len(t, want, 100)
	require.Equal(t, want, got["robot-0"])
	require.Equal(t, want, got["robot-1"])
	require.Zero(t, w.hub.Stats().Slow)
	require.Len(t, got["robot-2"], accepted)
	for _, p := range w.hub.Publishers() {
		require.True(t, p.Connected, p.Name)
	}
}

var subscribers = flag.Int("subscribers", 40, "how many TestStuckSubscribers has, 5 to 1,000")

// stuckSubscribers is how many of them never acknowledge.
const stuckSubscribers = 20

// Subscribers that never acknowledge cost a bounded amount of memory, and the others
// nothing: 99.9 % of the updates reach each of them. Of Realtime, Latest and Reliable updates
// the stuck ones hold no more than their queues, and their subscription to the latter ends.
func TestStuckSubscribers(t *testing.T) {
	all, stuck := *subscribers, min(stuckSubscribers, *subscribers/5)
	w := newWorld(t, crowdAccess(all))
	publisher := w.join("robot-0")
	var pubs []*Publication
	for _, i := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
		pubs = append(pubs, publisher.declare(Topic{Name: i.String(), Intent: i}))
	}
	got := make([]int, all)
	var viewers []*peer
	for i := range all {
		v := w.add(fmt.Sprint("viewer-", i))
		_, err := v.SubscribeAsync(Subscription{Pattern: "**", Handler: func(Update) { got[i]++ }})
		require.NoError(t, err)
		require.NoError(t, v.node.Dial(keyOf("hub").Public()))
		w.pass(5 * time.Millisecond) // at most 200 handshakes a second
		viewers = append(viewers, v)
	}
	w.until(func() bool { return w.hub.core.stats.Subscriptions == all })
	w.pass(time.Second)
	for _, v := range viewers[:stuck] {
		w.SetLinks(w.hubNode, v.node, sim.Link{Cut: true})
	}
	sent := 0
	stop := w.Every(10*time.Millisecond, func() {
		sent++
		for _, p := range pubs {
			require.NoError(t, p.Send(make([]byte, 1000)))
		}
	})
	w.pass(2 * time.Second)
	stop()
	held := 0
	for i := range stuck {
		s := w.peerOf(fmt.Sprint("viewer-", i)).Stats()
		require.LessOrEqual(t, s.QueueBytes, intentra.DefaultSendQueueBytes+intentra.DefaultReliableQueueBytes)
		held += s.QueueBytes
	}
	require.LessOrEqual(t, held, intentra.DefaultSendMemory)
	w.pass(time.Second)
	least := slices.Min(got[stuck:])
	t.Logf("%d of %d subscribers are stuck, and hold %d bytes of messages; of %d updates the others got %d at least", stuck, all, held, len(pubs)*sent, least)
	require.GreaterOrEqual(t, float64(least), 0.999*float64(len(pubs)*sent))
}

// 16 keys use every topic and subscription that they may. A new publisher and a new
// subscriber work as before.
func TestExhaustedLimits(t *testing.T) {
	const keys, each = 16, 64
	w := newWorld(t, crowdAccess(keys+1), func(c *Config) {
		c.Limits = Limits{TopicsPerPublisher: each, Subscriptions: each, CachedBytesPerPublisher: each * 10}
	})
	for i := range keys {
		p := w.join(fmt.Sprint("robot-", i))
		for j := range each + 1 {
			pub, err := p.DeclareAsync(Topic{Name: fmt.Sprint(j)})
			require.NoError(t, err)
			require.NoError(t, pub.Send(make([]byte, 100)))
			_, err = p.SubscribeAsync(Subscription{Pattern: fmt.Sprintf("robot-*/%d*", j)})
			require.NoError(t, err)
		}
	}
	w.pass(10 * time.Second)
	s := w.hub.Stats()
	require.Equal(t, keys*each, s.Topics)
	require.Equal(t, keys*each, s.Subscriptions)
	viewer := w.join("viewer-0")
	updates := viewer.subscribe(Subscription{Pattern: "robot-16/*", Cached: true})
	pose := w.join("robot-16").declare(Topic{Name: "pose"})
	w.pass(100 * time.Millisecond)
	require.NoError(t, pose.Send([]byte("here")))
	w.pass(100 * time.Millisecond)
	require.Equal(t, []string{"robot-16/pose here"}, updates.read())
	w.consistent()
}

// A publisher that subscribes to nothing receives control messages and acknowledgements
// only, however much others publish, and stays connected.
func TestPublisherThatSubscribesToNothing(t *testing.T) {
	w := newWorld(t, crowdAccess(3))
	viewer, quiet := w.join("viewer-0"), w.join("robot-0")
	seen := viewer.subscribe(Subscription{Pattern: "**", Buffer: 1 << 16})
	own := quiet.declare(Topic{Name: "pose"})
	state := w.join("robot-1").declare(Topic{Name: "state", Intent: intentra.Realtime})
	log := w.join("robot-2").declare(Topic{Name: "log", Intent: intentra.Reliable})
	w.pass(time.Second)
	hub := keyOf("hub").Public()
	before := quiet.node.PeerStats(hub)
	sent := 0
	stop := w.Every(time.Millisecond, func() {
		sent++
		require.NoError(t, state.Send(make([]byte, 1000)))
		require.NoError(t, log.Send(make([]byte, 10)))
		if sent%100 == 0 {
			require.NoError(t, own.Send([]byte("here")))
		}
	})
	w.pass(5 * time.Second)
	stop()
	after := quiet.node.PeerStats(hub)
	require.Equal(t, before.MessagesIn, after.MessagesIn)
	require.Less(t, after.BytesIn-before.BytesIn, uint64(5_000), "acknowledgements of 50 updates")
	require.True(t, quiet.node.Connected(hub))
	require.Greater(t, len(seen.read()), sent)
}
