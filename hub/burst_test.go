package hub

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// A subscriber that joins late, and reads only afterwards, gets the cached values of all
// topics, and loses no Reliable update while they are announced and sent.
func TestManyCachedValues(t *testing.T) {
	const publishers, topics = 10, 250
	w := newWorld(t, robotsAccess(publishers))
	var log *Publication
	for i := range publishers {
		p := w.join(fmt.Sprint("robot-", i))
		for j := range topics {
			pub, err := p.DeclareAsync(Topic{Name: fmt.Sprint("t", j)})
			require.NoError(t, err)
			require.NoError(t, pub.Send(append([]byte("value|"), make([]byte, 1000)...)))
		}
		if i == 0 { // it is announced first
			log = p.declare(Topic{Name: "log", Intent: intentra.Reliable})
		}
	}
	w.pass(5 * second)
	require.Equal(t, publishers*topics, w.hub.cachedTopics())
	viewer := w.join("viewer")
	w.SetLink(w.hubNode, viewer.node, sim.Link{Delay: 20 * time.Millisecond, Rate: 1 << 20})
	i := 0
	stop := w.Every(20*time.Millisecond, func() { i++; require.NoError(t, log.Send(fmt.Append(nil, i))) })
	defer stop()
	for _, cached := range []bool{false, true} { // announcements alone, then values alone
		s := viewer.subscribe(Subscription{Pattern: "**", Cached: cached})
		w.pass(10 * second)
		newest := map[string]string{}
		newestOf(s, newest)
		require.NoError(t, s.Err())
		require.Zero(t, w.hub.Stats().Slow)
		if cached {
			require.Len(t, newest, publishers*topics+1)
		}
		b := w.hub.core.publishers[viewer.node.Key()].member.bulk
		require.LessOrEqual(t, b.messages, 2, "outcomes are missing")
		require.GreaterOrEqual(t, b.messages, 0)
	}
	w.consistent()
}

// A buffer keeps the newest value of each topic that is known, the newest Realtime updates, and
// no more values of topics that were announced again and again.
func TestBufferOfStates(t *testing.T) {
	const buffer, topics = 4, 10
	w := newWorld(t, robotsAccess(1))
	viewer := w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "**", Buffer: buffer})
	seq := 100
	announce := func(channel uint32, intent intentra.Intent) {
		seq++
		viewer.deliver(ControlChannel, intentra.Reliable, fmt.Sprintf(
			`{"type":"announce","seq":%d,"channel":%d,"topic":"t%d","intent":"%v","publisher":{"name":"robot-0","key":"%v"}}`,
			seq, channel, channel, intent, keyOf("robot-0").Public()))
	}
	announce(99, intentra.Realtime)
	for channel := range uint32(topics) {
		announce(1+channel, intentra.Latest)
		viewer.deliver(1+channel, intentra.Latest, fmt.Sprint(channel))
		viewer.deliver(99, intentra.Realtime, fmt.Sprint("event ", channel))
	}
	require.Len(t, s.states, topics+buffer)
	require.EqualValues(t, topics-buffer, viewer.Stats().Dropped)
	for range 10 {
		for channel := range uint32(topics) {
			announce(1+channel, intentra.Latest)
			viewer.deliver(1+channel, intentra.Latest, fmt.Sprint(10+channel))
		}
	}
	require.Equal(t, topics+1, viewer.remotes.known)
	got := s.read()
	require.Len(t, got, topics+1+buffer)
	for channel := range topics {
		require.Contains(t, got, fmt.Sprintf("robot-0/t%d %d", 1+channel, 10+channel))
	}
	require.Contains(t, got, "robot-0/t99 event 9")
	require.Empty(t, s.newest)
	require.Zero(t, s.realtime)
}

// cachedTopics returns how many topics have a cached value.
func (h *Hub) cachedTopics() (n int) {
	for _, t := range h.core.topics.sorted {
		if h.core.cached.Contains(&t.place) {
			n++
		}
	}
	return n
}
