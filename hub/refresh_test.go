package hub

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// robotsAccess returns an access list of n robots and a viewer.
func robotsAccess(n int) (access string) {
	for i := range n {
		access += line(fmt.Sprint("robot-", i), "")
	}
	return access + line("viewer", "")
}

// newestOf reads a stream and returns the beginning of the newest value of each path.
func newestOf(s *Stream, newest map[string]string) (updates int) {
	for {
		u, ok, _ := s.Poll()
		if !ok {
			return updates
		}
		text, _, _ := strings.Cut(string(u.Payload), "|")
		newest[u.Path()] = text
		updates++
	}
}

// A subscriber gets the newest value of every topic, although those that come at once do not
// fit its queue: large ones, which are in fragments, and many small ones.
func TestDisplacedValues(t *testing.T) {
	for name, c := range map[string]struct{ publishers, topics, size int }{
		"large": {20, 1, 20 << 10},
		"small": {4, 100, 100},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, robotsAccess(c.publishers), func(cfg *Config) {
				if name == "small" {
					cfg.Transport.SendQueueMessages = 64
				}
			})
			viewer := w.join("viewer")
			s := viewer.subscribe(Subscription{Pattern: "**"})
			var pubs []*Publication
			for i := range c.publishers {
				p := w.join(fmt.Sprint("robot-", i))
				for j := range c.topics {
					pubs = append(pubs, p.declare(Topic{Name: fmt.Sprint("t", j)}))
				}
			}
			w.pass(second)
			w.SetLink(w.hubNode, viewer.node, sim.Link{Delay: 5 * time.Millisecond, Rate: 500_000})
			newest, want := map[string]string{}, map[string]string{}
			for round := range 3 {
				for _, pub := range pubs {
					value := fmt.Sprint(pub.topic.Name, " ", round)
					want[pub.c.Name()+"/"+pub.topic.Name] = value
					require.NoError(t, pub.Send(append([]byte(value+"|"), make([]byte, c.size)...)))
				}
				w.pass(20 * time.Millisecond)
			}
			w.pass(10 * second)
			newestOf(s, newest)
			require.Equal(t, want, newest)
			require.Positive(t, w.hub.Stats().Refreshed, "the queue had room for all")
			w.settled(viewer)
		})
	}
}

// settled checks that no value is sent again any more.
func (w *world) settled(p *peer) {
	w.t.Helper()
	before := w.hub.Stats().Refreshed
	w.pass(10 * second)
	require.Equal(w.t, before, w.hub.Stats().Refreshed, "values are sent again and again")
	u := &w.hub.core.publishers[p.node.Key()].member.upkeep
	require.Empty(w.t, u.stale)
	require.Zero(w.t, u.waiting)
	require.Zero(w.t, u.bytes)
}

// Values that are lost on the way to a subscriber follow once their topic rests: at any
// loss, and also the last of all, whose loss nothing after it reveals. None comes twice
// without loss.
func TestLostValues(t *testing.T) {
	for name, loss := range map[string]float64{"no loss": 0, "loss": 0.3, "cut": 1} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, robotsAccess(1))
			one, viewer := w.join("robot-0"), w.join("viewer")
			s := viewer.subscribe(Subscription{Pattern: "**"})
			var pubs []*Publication
			for i := range 50 {
				pubs = append(pubs, one.declare(Topic{Name: fmt.Sprint("t", i)}))
			}
			w.pass(second)
			good := sim.Link{Delay: 5 * time.Millisecond}
			w.SetLink(w.hubNode, viewer.node, sim.Link{Delay: 5 * time.Millisecond, Loss: loss})
			rnd := rand.New(rand.NewPCG(1, 2))
			want, sent := map[string]string{}, 0
			for i := range 20 {
				for _, pub := range pubs {
					if rnd.IntN(10) == 0 {
						want["robot-0/"+pub.topic.Name] = fmt.Sprint(i)
						require.NoError(t, pub.Send(fmt.Append(nil, i)))
						sent++
					}
				}
				w.pass(50 * time.Millisecond)
			}
			if loss == 1 {
				w.SetLink(w.hubNode, viewer.node, good)
			}
			w.pass(10 * second)
			newest := map[string]string{}
			updates := newestOf(s, newest)
			require.Equal(t, want, newest)
			if loss == 0 {
				require.LessOrEqual(t, updates, sent)
				require.Zero(t, w.hub.Stats().Refreshed)
			}
			w.settled(viewer)
		})
	}
}

// A subscriber with an area or a rate gets the last value that is for it, although newer
// ones that are not keep coming.
func TestLostValueOfArea(t *testing.T) {
	w := newWorld(t, robotsAccess(1))
	one, viewer := w.join("robot-0"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "**", Area: &Area{Min: []float64{0, 0}, Max: []float64{1, 1}}})
	pose := one.declare(Topic{Name: "pose", Layout: &Layout{X: Field{Pointer: "/x"}, Y: Field{Pointer: "/y"}}})
	w.pass(second)
	require.NoError(t, pose.Send([]byte(`{"x":0,"y":0}`)))
	w.pass(second / 10)
	require.Len(t, s.read(), 1)
	w.SetLink(w.hubNode, viewer.node, sim.Link{Loss: 1})
	for i := range 20 {
		require.NoError(t, pose.Send(fmt.Appendf(nil, `{"x":%d,"y":9}`, i)))
		w.pass(second / 10)
		if i == 5 {
			w.SetLink(w.hubNode, viewer.node, sim.Link{Delay: 5 * time.Millisecond})
		}
	}
	w.pass(3 * second)
	got := s.read()
	require.NotEmpty(t, got, "the subscriber still sees the object inside")
	require.LessOrEqual(t, len(got), 2)
	w.settled(viewer)
}

// Values that are sent again leave room for others, and wait for the outcome of those before.
func TestRefreshIsBounded(t *testing.T) {
	w := newWorld(t, robotsAccess(30))
	viewer := w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "**"})
	var pubs []*Publication
	for i := range 30 {
		pubs = append(pubs, w.join(fmt.Sprint("robot-", i)).declare(Topic{Name: "map"}))
	}
	w.pass(second)
	w.SetLinks(w.hubNode, viewer.node, sim.Link{Cut: true})
	for _, pub := range pubs {
		require.NoError(t, pub.Send(bytes.Repeat([]byte("x"), 20<<10)))
	}
	u := &w.hub.core.publishers[viewer.node.Key()].member.upkeep
	for range 15 { // not long enough for a reconnect
		w.pass(100 * time.Millisecond)
		require.LessOrEqual(t, u.bytes, refreshBytes)
		require.LessOrEqual(t, u.waiting, refreshUpdates)
		require.LessOrEqual(t, len(u.stale), len(pubs))
	}
	require.LessOrEqual(t, w.hub.Stats().Refreshed, uint64(10), "while nothing is acknowledged")
	w.SetLinks(w.hubNode, viewer.node, sim.Link{Delay: 5 * time.Millisecond})
	w.pass(20 * second)
	newest := map[string]string{}
	newestOf(s, newest)
	require.Len(t, newest, len(pubs))
	w.settled(viewer)
}

// Tokens of the program's own messages are reported to the program, those of the hub are not.
func TestTokensOfTheProgram(t *testing.T) {
	var tokens []uint64
	w := newWorld(t, robotsAccess(1), func(c *Config) {
		c.Transport.OnDelivery = func(d intentra.Delivery) { tokens = append(tokens, d.Token) }
	})
	one, viewer := w.join("robot-0"), w.join("viewer")
	viewer.subscribe(Subscription{Pattern: "**"})
	pub := one.declare(Topic{Name: "map"})
	w.pass(second)
	require.NoError(t, pub.Send(make([]byte, 2*largeValue)))
	to, _ := w.hubNode.Peer(viewer.node.Key())
	to.Send(intentra.Message{Channel: 99, Intent: intentra.Latest, Token: 7})
	w.pass(second)
	require.Equal(t, []uint64{7}, tokens)
}
