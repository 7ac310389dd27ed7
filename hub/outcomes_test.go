package hub

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// A Reliable update is acked, or unsure if the client has connected again in between, or
// expired, or lost with the connection; without ClientConfig.Outcomes none is counted.
func TestOutcomesOfReliableUpdates(t *testing.T) {
	w := newWorld(t, robotsAccess(1))
	one := w.add("robot-0", func(c *ClientConfig) { c.Outcomes = true })
	one.dial()
	viewer := w.join("viewer")
	viewer.subscribe(Subscription{Pattern: "**"})
	pub := one.declare(Topic{Name: "log", Intent: intentra.Reliable})
	w.pass(second)
	send := func() { require.NoError(t, pub.Send([]byte("x"))) }

	send()
	require.Equal(t, Outcomes{Open: 1}, pub.Outcomes())
	require.True(t, one.open())
	w.pass(second)
	require.Equal(t, Outcomes{Acked: 1}, pub.Outcomes())
	require.False(t, one.open())
	require.NoError(t, pub.SendWait(context.Background(), []byte("x")))
	require.Equal(t, Outcomes{Open: 1, Acked: 1}, pub.Outcomes())
	w.pass(second)
	require.Equal(t, Outcomes{Acked: 2}, pub.Outcomes())
	require.ErrorIs(t, pub.Send(make([]byte, 65<<10)), intentra.ErrMessageTooLarge)
	require.Equal(t, Outcomes{Acked: 2}, pub.Outcomes(), "it was not queued")

	send()
	w.until(func() bool { return pub.Outcomes().Open == 0 })
	send()
	one.mu.Lock()
	one.forget() // the connection is lost
	one.mu.Unlock()
	w.pass(second)
	require.Equal(t, Outcomes{Acked: 3, Unsure: 1}, pub.Outcomes())

	w.SetLinks(one.node, w.hubNode, sim.Link{Cut: true})
	send()
	w.pass(second)
	require.Equal(t, Outcomes{Open: 1, Acked: 3, Unsure: 1}, pub.Outcomes())
	one.node.ClosePeer(keyOf("hub").Public(), intentra.CloseNormal)
	w.pass(second)
	require.Equal(t, Outcomes{Lost: 1, Acked: 3, Unsure: 1}, pub.Outcomes())

	pub.decided(intentra.Delivery{Outcome: intentra.Acked})
	require.Equal(t, Outcomes{Lost: 1, Acked: 3, Unsure: 1}, pub.Outcomes(), "none is open")
	pub.outcomes.Open++
	pub.decided(intentra.Delivery{Outcome: intentra.Expired})
	require.Equal(t, Outcomes{Lost: 1, Expired: 1, Acked: 3, Unsure: 1}, pub.Outcomes())

	plain := viewer.declare(Topic{Name: "log", Intent: intentra.Reliable})
	require.NoError(t, plain.Send(nil))
	require.Zero(t, plain.Outcomes())
}

// The newest value of a Latest topic is open until it is known to be at the hub, also while the
// hub is away, but not if no peer wants it.
func TestOpenValue(t *testing.T) {
	w := newWorld(t, robotsAccess(1))
	one, viewer := w.join("robot-0"), w.join("viewer")
	pub := one.declare(Topic{Name: "pose"})
	w.pass(second)
	require.NoError(t, pub.Send([]byte("unwanted")))
	require.Zero(t, pub.Outcomes())
	s := viewer.subscribe(Subscription{Pattern: "**"})
	w.pass(5 * second)
	s.read()
	require.Zero(t, pub.Outcomes())

	w.SetLinks(one.node, w.hubNode, sim.Link{Cut: true})
	require.NoError(t, pub.Send([]byte("newest")))
	w.pass(3 * second)
	require.Equal(t, Outcomes{Open: 1}, pub.Outcomes())
	require.True(t, one.open())
	require.Empty(t, s.read())
	w.SetLinks(one.node, w.hubNode, sim.Link{Delay: 5 * time.Millisecond})
	w.until(func() bool { return pub.Outcomes().Open == 0 })
	w.pass(second)
	require.Equal(t, []string{"robot-0/pose newest"}, s.read())

	one.mu.Lock()
	one.forget()
	one.mu.Unlock()
	require.NoError(t, pub.Send([]byte("kept")))
	require.Equal(t, Outcomes{Open: 1}, pub.Outcomes(), "it waits for the declaration")
}

// Flush returns once nothing is open, and with an error if its context or the client ends
// before.
func TestFlush(t *testing.T) {
	h, err := Listen("127.0.0.1:0", Config{Transport: intentra.Config{Key: keyOf("hub")}, Access: AllowAny()})
	require.NoError(t, err)
	defer h.Close()
	wanted := make(chan bool, 10)
	cfg := ClientConfig{Transport: intentra.Config{Key: keyOf("robot")}, Outcomes: true}
	cfg.OnDemand = func(_ *Publication, w bool) { wanted <- w }
	c, err := Dial(t.Context(), h.Transport().LocalAddr().String(), keyOf("hub").Public(), cfg)
	require.NoError(t, err)
	defer c.Close()
	pub, err := c.Declare(t.Context(), Topic{Name: "log", Intent: intentra.Reliable})
	require.NoError(t, err)
	require.False(t, <-wanted)
	viewer, err := Dial(t.Context(), h.Transport().LocalAddr().String(), keyOf("hub").Public(), ClientConfig{Transport: intentra.Config{Key: keyOf("viewer")}})
	require.NoError(t, err)
	defer viewer.Close()
	_, err = viewer.Subscribe(t.Context(), Subscription{Pattern: "**"})
	require.NoError(t, err)
	require.True(t, <-wanted)
	require.NoError(t, c.Flush(t.Context()))
	for range 100 {
		require.NoError(t, pub.SendWait(t.Context(), []byte("x")))
	}
	require.NoError(t, c.Flush(t.Context()))
	require.Equal(t, Outcomes{Acked: 100}, pub.Outcomes())
	require.EqualValues(t, 100, h.Stats().Received)

	c.mu.Lock()
	pub.outcomes.Open++ // one that is never decided
	c.mu.Unlock()
	over := errors.New("over")
	ctx, cancel := context.WithCancelCause(t.Context())
	flushed := make(chan error)
	go func() { flushed <- c.Flush(ctx) }()
	cancel(over)
	require.ErrorIs(t, <-flushed, over)
	go func() { flushed <- c.Flush(t.Context()) }()
	c.mu.Lock()
	c.closed = true
	c.settle()
	c.mu.Unlock()
	require.ErrorIs(t, <-flushed, net.ErrClosed)
}

// A peer that sends an update before it says hello learns at once, and only once, that this
// is a hub; a client ignores it.
func TestStrangerIsToldAtOnce(t *testing.T) {
	for _, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
		w := newWorld(t, robotsAccess(1))
		var told []string
		node, err := w.Node("robot-0", netip.AddrPort{}, intentra.Config{Key: keyOf("robot-0"), Handler: func(m intentra.Received) {
			told = append(told, string(m.Payload))
		}})
		require.NoError(t, err)
		require.NoError(t, node.Dial(keyOf("hub").Public()))
		w.pass(urgeAfter / 2)
		require.Empty(t, told)
		hub, ok := node.Peer(keyOf("hub").Public())
		require.True(t, ok)
		hub.Send(intentra.Message{Intent: intent, Channel: 1})
		w.pass(urgeAfter / 4)
		require.NotEmpty(t, told)
		require.Contains(t, told[0], `"code":"hello"`)
		w.pass(second)
		hub.Send(intentra.Message{Intent: intent, Channel: 1})
		w.pass(second)
		for _, m := range told[1:] {
			require.NotContains(t, m, `"code":"hello"`)
		}
	}
}
