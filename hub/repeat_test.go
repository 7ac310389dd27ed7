package hub

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// The newest value of every topic reaches the hub although it was displaced from the queue of
// its publisher, or lost on the way, also the last of all. None comes twice without loss.
func TestPublisherRepeatsLostValues(t *testing.T) {
	for name, c := range map[string]struct {
		size int
		link sim.Link
	}{
		"no loss":   {10, sim.Link{Delay: 5 * time.Millisecond}},
		"loss":      {10, sim.Link{Delay: 5 * time.Millisecond, Loss: 0.3}},
		"cut":       {10, sim.Link{Cut: true}},
		"displaced": {20 << 10, sim.Link{Delay: 5 * time.Millisecond, Rate: 1 << 20}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, robotsAccess(1), func(c *Config) { c.Limits = Limits{Bytes: 64 << 20, CachedBytesPerPublisher: 4 << 20} })
			one, viewer := w.join("robot-0"), w.join("viewer")
			s := viewer.subscribe(Subscription{Pattern: "**"})
			var pubs []*Publication
			for i := range 30 {
				pubs = append(pubs, one.declare(Topic{Name: fmt.Sprint("t", i)}))
			}
			w.pass(second)
			w.SetLink(one.node, w.hubNode, c.link)
			want := map[string]string{}
			for round := range 8 {
				for i, pub := range pubs {
					if i%(1+round) == 0 {
						want["robot-0/"+pub.topic.Name] = fmt.Sprint(round)
						require.NoError(t, pub.Send(append(fmt.Append(nil, round, "|"), make([]byte, c.size)...)))
					}
				}
				w.pass(20 * time.Millisecond)
			}
			w.SetLink(one.node, w.hubNode, sim.Link{Delay: 5 * time.Millisecond, Rate: c.link.Rate, Loss: c.link.Loss})
			w.pass(15 * second)
			newest := map[string]string{}
			newestOf(s, newest)
			require.Equal(t, want, newest)
			before := w.hub.Stats().Received
			if name == "no loss" {
				require.LessOrEqual(t, before, uint64(30+15+10+8+6+5+5+4))
			}
			w.pass(5 * second)
			require.Equal(t, before, w.hub.Stats().Received, "values are repeated again and again")
			for _, pub := range pubs {
				require.False(t, pub.repeat.open)
			}
			require.False(t, one.resting)
		})
	}
}

// A value from SendWait counts as the newest: an older one is not repeated after it.
func TestSendWaitIsNotTakenBack(t *testing.T) {
	w := newWorld(t, robotsAccess(1))
	one, viewer := w.join("robot-0"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "**"})
	pub := one.declare(Topic{Name: "pose"})
	w.pass(second)
	w.SetLinks(one.node, w.hubNode, sim.Link{Cut: true})
	require.NoError(t, pub.Send([]byte("old")))
	w.pass(second / 10)
	w.SetLinks(one.node, w.hubNode, sim.Link{Delay: 5 * time.Millisecond})
	require.NoError(t, pub.SendWait(context.Background(), []byte("new")))
	w.pass(5 * second)
	require.Equal(t, []string{"robot-0/pose new"}, s.read())
}

// A value that cannot be sent is not repeated, and the program's own tokens are its own.
func TestNoRepetition(t *testing.T) {
	var tokens []uint64
	w := newWorld(t, robotsAccess(1))
	one := w.add("robot-0", func(c *ClientConfig) {
		c.Transport.OnDelivery = func(d intentra.Delivery) { tokens = append(tokens, d.Token) }
	})
	one.dial()
	w.join("viewer").subscribe(Subscription{Pattern: "**"})
	pub := one.declare(Topic{Name: "pose"})
	w.pass(2 * second)
	require.ErrorIs(t, pub.Send(make([]byte, 65<<10)), intentra.ErrMessageTooLarge)
	require.False(t, pub.repeat.open)
	hub, _ := one.node.Peer(keyOf("hub").Public())
	hub.Send(intentra.Message{Channel: 99, Intent: intentra.Latest, Token: 7})
	require.NoError(t, pub.Send([]byte("x")))
	w.pass(2 * second)
	require.Equal(t, []uint64{7}, tokens)
	require.False(t, pub.repeat.open)
}
