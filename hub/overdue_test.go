package hub

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// limited returns a world whose hub accepts few updates and bytes, with a publisher and a
// viewer that receives everything.
func limited(t *testing.T, l Limits) (w *world, one *peer, s *Stream) {
	w = newWorld(t, robotsAccess(1), func(c *Config) { c.Limits = l })
	one = w.join("robot-0")
	s = w.join("viewer").subscribe(Subscription{Pattern: "**"})
	return w, one, s
}

// deliver hands the hub a message of the peer, as if it had come at once.
func (p *peer) publishRaw(pub *Publication, payload string) {
	m := intentra.Message{Channel: pub.channel, Intent: pub.topic.Intent, Payload: []byte(payload)}
	p.w.hub.receive(intentra.Received{Peer: p.w.peerOf(p.node.Name()), Message: m})
}

// Every topic of a publisher that exceeds its limits ends with its newest value, also the one
// that rests while another goes on. All other values that exceed the limits are dropped, and
// each is counted once.
func TestNewestValueBeyondLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limits Limits
		reason DropReason
	}{
		"updates": {Limits{Updates: 100}, DropUpdates},
		"bytes":   {Limits{Bytes: 1 << 17}, DropBytes},
	} {
		t.Run(name, func(t *testing.T) {
			const topics = 30
			w, one, s := limited(t, c.limits)
			var pubs []*Publication
			for i := range topics + 1 {
				pubs = append(pubs, one.declare(Topic{Name: fmt.Sprint("t", i)}))
			}
			w.pass(second)
			padding := string(make([]byte, 2000))
			want := map[string]string{}
			newest := map[string]string{}
			for round := range 20 {
				for _, p := range pubs[:topics] {
					one.publishRaw(p, fmt.Sprint(round, "|", padding))
					want["robot-0/"+p.topic.Name] = fmt.Sprint(round)
				}
			}
			n := 0
			stop := w.Every(time.Millisecond, func() {
				n++
				one.publishRaw(pubs[topics], fmt.Sprint(n, "|", padding))
			})
			w.pass(2 * second)
			newestOf(s, newest)
			last := newest["robot-0/t30"]
			require.NotEmpty(t, last, "the other topic goes on")
			delete(newest, "robot-0/t30")
			require.Equal(t, want, newest)
			stop()
			w.pass(second)
			newestOf(s, newest)
			require.Equal(t, fmt.Sprint(n), newest["robot-0/t30"])
			stats, passed := w.hub.Stats(), uint64(0)
			for _, info := range w.hub.Topics() {
				passed += info.Updates
			}
			require.Equal(t, stats.Received, passed+stats.Drops[c.reason])
			require.LessOrEqual(t, passed, uint64(100*4), "the limit holds")
			require.Zero(t, w.hub.core.publishers[one.node.Key()].overdue.topics.Len())
			w.consistent()
		})
	}
}

// A value that exceeds the limits is dropped, with its reason, if it expires, if the cache has no
// room for it, if its topic ends, and if its intent is Realtime.
func TestOverdueValueIsDropped(t *testing.T) {
	w, one, s := limited(t, Limits{Updates: 10, CachedBytes: 100})
	pose, state := one.declare(Topic{Name: "pose", TTL: 10 * time.Millisecond}), one.declare(Topic{Name: "state", Intent: intentra.Realtime})
	large := one.declare(Topic{Name: "large"})
	ended := one.declare(Topic{Name: "ended"})
	w.pass(second)
	drops := func() [2]uint64 { d := w.hub.Stats().Drops; return [2]uint64{d[DropUpdates], d[DropExpired]} }
	one.publishRaw(state, "first")
	one.publishRaw(state, "excess")
	require.Equal(t, [2]uint64{1, 0}, drops())
	one.publishRaw(pose, "expires")
	require.Equal(t, [2]uint64{1, 0}, drops())
	w.pass(overdueEvery)
	require.Equal(t, [2]uint64{1, 1}, drops())
	one.publishRaw(large, "fits")
	require.Equal(t, [2]uint64{1, 1}, drops())
	one.publishRaw(large, string(make([]byte, 101)))
	require.Equal(t, [2]uint64{3, 1}, drops(), "the one before as well")
	one.publishRaw(ended, "never passed on")
	w.hub.SetAccess(w.parse(line("robot-0", "publish=") + line("viewer", "")))
	w.pass(second)
	require.Equal(t, [2]uint64{4, 1}, drops())
	require.Equal(t, []string{"robot-0/state first"}, s.read())
	require.Zero(t, w.hub.core.publishers[one.node.Key()].overdue.topics.Len())
	w.consistent()
}

// An accepted value replaces an overdue one, which is then not passed on after it.
func TestOverdueValueIsReplaced(t *testing.T) {
	w, one, s := limited(t, Limits{Updates: 100})
	pose := one.declare(Topic{Name: "pose"})
	w.pass(second)
	for i := range 12 {
		one.publishRaw(pose, fmt.Sprint(i))
	}
	w.pass(overdueEvery / 2)
	w.pass(0)
	one.publishRaw(pose, "newer")
	w.pass(second)
	got := s.read()
	require.Equal(t, "robot-0/pose newer", got[len(got)-1])
	require.EqualValues(t, 2, w.hub.Stats().Drops[DropUpdates])
	require.EqualValues(t, 11, w.hub.Topics()[0].Updates)
}
