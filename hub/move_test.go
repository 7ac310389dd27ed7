package hub

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

func twoHubs(t *testing.T) (hubs [2]*Hub) {
	for i, name := range []string{"first", "second"} {
		h, err := Listen("127.0.0.1:0", Config{Transport: intentra.Config{Key: keyOf(name)}, Access: AllowAny()})
		require.NoError(t, err)
		t.Cleanup(func() { _ = h.Close() })
		hubs[i] = h
	}
	return hubs
}

func address(h *Hub) Address {
	return Address{h.Transport().LocalAddr().String(), h.Transport().PublicKey()}
}

// TestMove: a client that has moved to another hub publishes and receives there, and its
// newest value comes along although it is not published again.
func TestMove(t *testing.T) {
	hubs := twoHubs(t)
	lists := make(chan []Address, 10)
	leave := make(chan bool, 10)
	wanted := make(chan *Publication, 10)
	dial := func(name string, h *Hub) *Client {
		cfg := ClientConfig{Transport: intentra.Config{Key: keyOf(name)}}
		cfg.OnHubs = func(list []Address, l bool) { lists <- list; leave <- l }
		cfg.OnDemand = func(p *Publication, w bool) {
			if w {
				wanted <- p
			}
		}
		c, err := Dial(t.Context(), address(h).Addr, address(h).Key, cfg)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	viewer, robot := dial("viewer", hubs[1]), dial("robot", hubs[0])
	s, err := viewer.Subscribe(t.Context(), Subscription{Pattern: "*/pose", Cached: true})
	require.NoError(t, err)
	pose, err := robot.Declare(t.Context(), Topic{Name: "pose"})
	require.NoError(t, err)
	other, err := robot.Subscribe(t.Context(), Subscription{Pattern: "*/goal"})
	require.NoError(t, err)
	require.NoError(t, pose.Send([]byte("1")))

	many := make([]Address, 20)
	for i := range many {
		many[i] = Address{Addr: "127.0.0.1:1", Key: keyOf(fmt.Sprint(i)).Public()}
	}
	hubs[0].SetHubs(func(intentra.PublicKey) []Address { return many }, false)
	require.Len(t, <-lists, maxHubs)
	require.False(t, <-leave)
	hubs[0].SetHubs(func(intentra.PublicKey) []Address { return []Address{address(hubs[1])} }, true)
	to := <-lists
	require.True(t, <-leave)
	require.Error(t, robot.Move(t.Context(), Address{Addr: "127.0.0.1:1", Key: robot.Peer().Transport().PublicKey()}))
	require.Equal(t, address(hubs[0]).Key, robot.Peer().Key())
	require.NoError(t, robot.Move(t.Context(), to[0]))

	u, err := s.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, "1", string(u.Payload))
	goal, err := viewer.Declare(t.Context(), Topic{Name: "goal", Intent: intentra.Reliable})
	require.NoError(t, err)
	for p := range wanted { // once the robot has subscribed again
		if p == goal {
			break
		}
	}
	require.NoError(t, goal.Send([]byte("2")))
	u, err = other.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, "2", string(u.Payload))
	require.Equal(t, address(hubs[1]).Key, robot.Peer().Key())
}

// TestMoveAwaitsTheNewHub: a client that leaves a hub which is connected subscribes at the next
// one when handover has passed, and also to what its program wants until then.
func TestMoveAwaitsTheNewHub(t *testing.T) {
	hubs := twoHubs(t)
	timers := make(chan func(), 10)
	clock := Clock{Now: func() time.Duration { return time.Hour }, After: func(d time.Duration, f func()) {
		if d == handover {
			timers <- f
		}
	}}
	subscriber, err := Dial(t.Context(), address(hubs[0]).Addr, address(hubs[0]).Key, ClientConfig{Transport: intentra.Config{Key: keyOf("viewer")}, Clock: clock})
	require.NoError(t, err)
	t.Cleanup(func() { _ = subscriber.Close() })
	before, err := subscriber.Subscribe(t.Context(), Subscription{Pattern: "*/pose"})
	require.NoError(t, err)
	require.Empty(t, timers)
	require.NoError(t, subscriber.Move(t.Context(), address(hubs[1])))
	due := <-timers
	until, err := subscriber.SubscribeAsync(Subscription{Pattern: "*/goal"})
	require.NoError(t, err)

	demand := make(chan bool, 10)
	publisher, err := Dial(t.Context(), address(hubs[1]).Addr, address(hubs[1]).Key, ClientConfig{
		Transport: intentra.Config{Key: keyOf("robot")}, OnDemand: func(_ *Publication, wanted bool) { demand <- wanted },
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = publisher.Close() })
	var topics []*Publication
	for _, name := range []string{"pose", "goal"} {
		p, err := publisher.Declare(t.Context(), Topic{Name: name})
		require.NoError(t, err)
		require.False(t, <-demand, name)
		topics = append(topics, p)
	}
	due()
	require.True(t, <-demand)
	require.True(t, <-demand)
	for i, s := range []*Stream{before, until} {
		require.NoError(t, topics[i].Send([]byte("x")))
		_, err := s.Next(t.Context())
		require.NoError(t, err)
	}
}
