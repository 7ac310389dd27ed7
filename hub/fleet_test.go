package hub

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/sim"
)

// fleetRun is a random history of a hub and its clients, and what each stream saw.
type fleetRun struct {
	*world
	rnd   *rand.Rand
	peers []*peer
	pubs  map[string]*Publication // by path
	sent  map[string]int          // the number of the latest update, by path
	began map[string][]int        // the numbers with which publications begin, by path
	seen  map[*Stream]*sights

	restarts int // of the hub
}

// sights is what a stream has seen of each path.
type sights struct {
	reader *peer
	latest map[string]int

	since   map[string]era  // by path, at the last look
	excused map[string]bool // paths of which the next Reliable update may follow missing ones
}

// era is the time in which a subscriber misses no Reliable update: the publication, the hub,
// the subscriber's session and its feed are the same, and the feed is live.
type era struct {
	pub      *Publication
	feed     *feed
	state    feedState
	restarts int
	session  uint64
}

func (r *fleetRun) era(path string, reader *peer) era {
	e := era{r.pubs[path], nil, 0, r.restarts, reader.Peer().Session()}
	if p := r.hub.core.publishers[reader.node.Key()]; p != nil && p.member != nil {
		if e.feed = p.member.feeds[r.hub.core.topics.byPath[path]]; e.feed != nil {
			e.state = e.feed.state
		}
	}
	return e
}

var fleets = flag.Int("fleets", 20, "how many random histories TestFleet runs")

// TestFleet runs random histories with loss, cut links and restarts of the hub. No
// update comes under a wrong name, to its own publisher or to a peer without read access,
// no Latest topic goes back, the hub's tables agree after every step, and once the network
// works every subscriber gets the newest update of every topic, also the last of many Latest values
// of which the hub accepts only some. No Reliable update is
// missing unless the hub or the subscriber's connection was lost, or the hub says so. In the end
// the hub sends nothing more.
func TestFleet(t *testing.T) {
	rnd := seed.Rand(t)
	for range *fleets {
		s := rnd.Uint64()
		t.Run(fmt.Sprint("seed_", s), func(t *testing.T) { runFleet(t, s) })
	}
}

func runFleet(t *testing.T, s uint64) {
	access := ""
	names := []string{"a", "b", "c", "d"}
	for _, n := range names[:3] {
		access += line(n, "")
	}
	access += line("d", "subscribe=a/**")
	r := &fleetRun{
		rnd: rand.New(rand.NewPCG(s, 1)), pubs: map[string]*Publication{}, sent: map[string]int{}, began: map[string][]int{}, seen: map[*Stream]*sights{},
	}
	r.world = newWorld(t, access, func(c *Config) {
		c.Limits = Limits{Remember: 5 * time.Second, CachedBytes: 200}
		if r.rnd.IntN(2) == 0 {
			c.Limits.Updates = 20 // fewer than are published
		}
	})
	r.SetDefault(sim.Link{Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: float64(r.rnd.IntN(3)) * 0.1})
	for _, n := range names {
		r.peers = append(r.peers, r.join(n))
	}
	for range 150 {
		r.step()
		r.pass(time.Duration(r.rnd.IntN(200)) * time.Millisecond)
		r.look()
		r.consistent()
	}
	r.settle()
}

func (r *fleetRun) step() {
	p := r.peers[r.rnd.IntN(len(r.peers))]
	switch r.rnd.IntN(20) {
	case 0, 1, 2:
		r.declareRandom(p)
	case 3:
		if path, ok := pick(r.rnd, r.pubs); ok {
			r.pubs[path].Close()
			delete(r.pubs, path)
		}
	case 4, 5, 6:
		r.subscribeRandom(p)
	case 7:
		if len(r.seen) > 0 && r.rnd.IntN(3) == 0 {
			streams := r.streams()
			s := streams[r.rnd.IntN(len(streams))]
			s.Close()
			delete(r.seen, s)
		}
	case 8:
		if r.rnd.IntN(3) == 0 {
			require.NoError(r.t, r.hubNode.Restart())
			r.restarts++
		}
	case 9:
		r.SetLink(r.hubNode, p.node, sim.Link{Cut: r.rnd.IntN(2) == 0, Delay: 5 * time.Millisecond})
	default:
		for range 1 + r.rnd.IntN(20) {
			r.publish()
		}
	}
}

// streams returns the open streams, in an order that is the same in each run.
func (r *fleetRun) streams() []*Stream {
	return slices.SortedFunc(maps.Keys(r.seen), func(a, b *Stream) int {
		return cmp.Or(strings.Compare(r.seen[a].reader.node.Name(), r.seen[b].reader.node.Name()), cmp.Compare(a.id, b.id))
	})
}

// pick returns a random key of m.
func pick[T any](rnd *rand.Rand, m map[string]T) (string, bool) {
	keys := slices.Sorted(maps.Keys(m))
	if len(keys) == 0 {
		return "", false
	}
	return keys[rnd.IntN(len(keys))], true
}

func (r *fleetRun) declareRandom(p *peer) {
	intents := []intentra.Intent{intentra.Latest, intentra.Reliable, intentra.Realtime}
	i := r.rnd.IntN(3)
	t := Topic{Name: fmt.Sprint("t", i), Intent: intents[i]}
	path := p.node.Name() + "/" + t.Name
	if r.pubs[path] != nil {
		return
	}
	pub, err := p.DeclareAsync(t)
	require.NoError(r.t, err)
	r.pubs[path] = pub
	r.began[path] = append(r.began[path], r.sent[path]+1)
}

func (r *fleetRun) subscribeRandom(p *peer) {
	patterns := []string{"**", "*/t0", "a/*", "b/t1", "*/t1", "c/**"}
	s, err := p.SubscribeAsync(Subscription{
		Pattern: patterns[r.rnd.IntN(len(patterns))], Cached: r.rnd.IntN(2) == 0, MaxRate: float64(r.rnd.IntN(2) * 20), Buffer: 10_000,
	})
	require.NoError(r.t, err)
	r.seen[s] = &sights{reader: p, latest: map[string]int{}, since: map[string]era{}, excused: map[string]bool{}}
}

func (r *fleetRun) publish() {
	if path, ok := pick(r.rnd, r.pubs); ok {
		p, n := r.pubs[path], r.sent[path]+1
		unwanted := p.Unwanted()
		if p.Send(fmt.Appendf(nil, "%s %d", path, n)) == nil && (p.topic.Intent != intentra.Reliable || p.Unwanted() == unwanted) {
			r.sent[path] = n
		}
	}
}

// look reads all streams.
func (r *fleetRun) look() {
	for _, s := range r.streams() {
		have := r.seen[s]
		changed := map[string]bool{} // paths of which updates may be missing since the last look
		for path := range r.sent {
			if now := r.era(path, have.reader); have.since[path] != now {
				have.since[path], changed[path], have.excused[path] = now, true, true
			}
		}
		for {
			u, ok, _ := s.Poll()
			if !ok {
				break
			}
			path, number, _ := strings.Cut(string(u.Payload), " ")
			require.Equal(r.t, path, u.Path(), "an update under a wrong name")
			require.NotEqual(r.t, have.reader.node.Name(), u.Publisher.Name, "an echo")
			require.True(r.t, s.pattern.Match(path))
			require.True(r.t, have.reader.node.Name() != "d" || strings.HasPrefix(path, "a/"), "no read access")
			n, err := strconv.Atoi(number)
			require.NoError(r.t, err)
			require.LessOrEqual(r.t, n, r.sent[path])
			if u.Topic.Intent == intentra.Latest {
				require.GreaterOrEqual(r.t, n, have.latest[path], "%s goes back", path)
			}
			if u.Topic.Intent == intentra.Reliable && n > have.latest[path] { // else it has come again
				require.True(r.t, have.excused[path] || u.Gap || n <= have.latest[path]+1 || r.closed(path, have.latest[path], n), "a silent gap in %s at %s: %d after %d", path, have.reader.node.Name(), n, have.latest[path])
				have.excused[path] = changed[path]
			}
			have.latest[path] = max(n, have.latest[path])
		}
	}
}

// closed reports whether a publication was closed after an update and before another:
// what it had queued then may be lost.
func (r *fleetRun) closed(path string, after, before int) bool {
	return slices.ContainsFunc(r.began[path], func(n int) bool { return after < n && n <= before })
}

// settle checks that everything works once the network does.
func (r *fleetRun) settle() {
	r.SetDefault(sim.Link{Delay: 5 * time.Millisecond})
	for _, p := range r.peers {
		r.SetLinks(r.hubNode, p.node, sim.Link{Delay: 5 * time.Millisecond})
	}
	r.until(func() bool {
		for _, p := range r.peers {
			p.mu.Lock()
			ok := p.welcomed
			p.mu.Unlock()
			if !ok {
				return false
			}
		}
		return true
	})
	r.pass(10 * time.Second)
	r.until(func() bool { // Reliable updates, and what the peers answer after them, wait for the limits
		for _, p := range r.peers {
			if s := p.Peer().Stats(); s.QueuedMessages > 0 || s.MessagesOut != s.Acked+s.Lost {
				return false
			}
		}
		return true
	})
	r.pass(time.Second)
	r.look()
	r.publishLast(intentra.Realtime, 1)
	r.publishLast(intentra.Reliable, 1)
	r.publishLast(intentra.Latest, 8)
	r.look()
	for _, s := range r.streams() {
		have := r.seen[s]
		if s.Err() != nil {
			continue
		}
		for _, path := range slices.Sorted(maps.Keys(r.pubs)) {
			pub := r.pubs[path]
			if s.pattern.Match(path) && pub.c != have.reader.Client && (have.reader.node.Name() != "d" || strings.HasPrefix(path, "a/")) {
				require.Equal(r.t, r.sent[path], have.latest[path], "%s of %v at %s", path, pub.topic.Intent, have.reader.node.Name())
			}
		}
	}
	sent := r.sentByHub()
	r.pass(5 * time.Second)
	require.Equal(r.t, sent, r.sentByHub(), "updates although nothing is published")
	r.consistent()
}

func (r *fleetRun) sentByHub() uint64 {
	s := r.hub.Stats()
	return s.Sent + s.Refreshed + s.Cached
}

// publishLast publishes n updates of each topic of an intent, of which the newest is to arrive.
func (r *fleetRun) publishLast(intent intentra.Intent, n int) {
	for _, path := range slices.Sorted(maps.Keys(r.pubs)) {
		pub := r.pubs[path]
		require.NoError(r.t, pub.Err())
		for range n {
			if pub.topic.Intent == intent {
				r.sent[path]++
				require.NoError(r.t, pub.Send(fmt.Appendf(nil, "%s %d", path, r.sent[path])))
				r.pass(time.Millisecond)
			}
		}
	}
	r.pass(5 * time.Second)
}
