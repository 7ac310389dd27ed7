package conn_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// broadcast broadcasts a message, which leaves with n's next turn.
func (n *node) broadcast(channel uint32, intent pipeline.Intent, payload string, to ...*node) {
	e := n.Endpoint()
	require.True(n.w.t, e.BeginBroadcast(&conn.Message{Channel: channel, Intent: intent, Payload: []byte(payload)}))
	for _, other := range to {
		require.True(n.w.t, e.BroadcastTo(n.peer(other)).Taken())
	}
	if e.EndBroadcast() {
		n.Do(func(*conn.Endpoint, pipeline.Time) {})
	}
}

// hub makes a node that others have dialled.
func (w *world) hub(others int, change ...func(*conn.Config)) (hub *node, rest []*node) {
	hub = w.node(change...)
	for range others {
		n := w.node(change...)
		n.dial(hub)
		rest = append(rest, n)
	}
	w.await(5*time.Second, func() bool {
		for _, n := range rest {
			if !bothUp(hub, n) {
				return false
			}
		}
		return true
	})
	return hub, rest
}

// payloads returns what n has got, in order.
func (n *node) payloads() (all []string) {
	for _, m := range n.got {
		all = append(all, m.payload)
	}
	return all
}

// Several broadcasts share a packet of each reader, with what was pushed to it, and every
// message is counted as sent.
func TestBroadcastsSharePackets(t *testing.T) {
	w := newWorld(t, 1)
	hub, rest := w.hub(3)
	w.run(time.Second)
	before := hub.Stats()
	hub.queue(rest[1], 9, pipeline.Realtime, "first")
	hub.broadcast(1, pipeline.Realtime, "all", rest...)
	hub.broadcast(2, pipeline.Latest, "two", rest[:2]...)
	hub.queue(rest[0], 9, pipeline.Realtime, "own")
	hub.queue(rest[2], 9, pipeline.Reliable, "sure")
	require.False(t, hub.Endpoint().Settled(hub.peer(rest[0])))
	w.run(0)
	require.EqualValues(t, 3, hub.Stats().PacketsOut-before.PacketsOut)
	w.run(100 * time.Millisecond)
	require.Equal(t, []string{"all", "two", "own"}, rest[0].payloads())
	require.Equal(t, []string{"first", "all", "two"}, rest[1].payloads())
	require.ElementsMatch(t, []string{"all", "sure"}, rest[2].payloads())
	after := hub.Stats()
	require.EqualValues(t, 8, after.Taken-before.Taken)
	hub.Endpoint().Outbound().Publish()
	require.EqualValues(t, 8, hub.Endpoint().Outbound().Counts().Messages.Accepted)
	for _, n := range rest {
		require.EqualValues(t, len(n.got), hub.Endpoint().PeerStats(hub.peer(n)).MessagesOut)
		f, _ := hub.peer(n).QueueFlow()
		require.EqualValues(t, len(n.got), f.Pushed)
		require.EqualValues(t, len(n.got), f.Taken)
	}
	w.run(time.Second)
	require.True(t, hub.Endpoint().Settled(hub.peer(rest[0])))
	w.closeAll()
}

// A batch of the arena does not hold what all readers get.
func TestBroadcastOfManyPackets(t *testing.T) {
	w := newWorld(t, 1)
	hub, rest := w.hub(40)
	for i := range 100 {
		hub.broadcast(1, pipeline.Realtime, number(i, 1000), rest...)
	}
	w.run(time.Second)
	for _, n := range rest {
		require.Len(t, n.got, 100)
		for i, m := range n.got {
			require.Equal(t, number(i, 1000), m.payload)
		}
	}
	w.closeAll()
}

// A message that cannot be sent at once goes into the queue, where newer states replace it.
func TestBroadcastToASlowPeer(t *testing.T) {
	w := newWorld(t, 1)
	hub, rest := w.hub(2)
	w.run(time.Second)
	w.SetLinks(hub.Node, rest[1].Node, sim.Link{Cut: true})
	sent := 0
	for range 300 {
		for channel := range uint32(4) {
			hub.broadcast(channel, pipeline.Latest, number(sent, 1000), rest...)
			sent++
		}
		w.run(time.Millisecond)
	}
	w.run(100 * time.Millisecond)
	require.Greater(t, len(rest[0].got), sent*9/10)
	require.Equal(t, number(sent-1, 1000), rest[0].got[len(rest[0].got)-1].payload)
	slow := hub.peer(rest[1])
	state, _ := slow.Queued()
	require.InDelta(t, 4, state, 1, "the newest of each channel, unless a probe has taken one")
	f, _ := slow.QueueFlow()
	require.EqualValues(t, sent, f.Pushed)
	require.Greater(t, f.Superseded, uint64(sent/2))
	w.SetLinks(hub.Node, rest[1].Node, sim.Link{Delay: 5 * time.Millisecond})
	w.await(10*time.Second, func() bool {
		return len(rest[1].got) > 0 && rest[1].got[len(rest[1].got)-1].payload == number(sent-1, 1000)
	})
	w.closeAll()
}

// A peer that disconnects between a broadcast and its flush keeps Latest messages if this
// side dials it, and loses the others, which are counted.
func TestBroadcastToAPeerThatLeaves(t *testing.T) {
	w := newWorld(t, 1)
	hub, rest := w.hub(1)
	dialled := w.node()
	hub.dial(dialled)
	w.await(5*time.Second, func() bool { return bothUp(hub, dialled) })
	w.run(time.Second)
	before := hub.Stats().Offline
	hub.broadcast(1, pipeline.Latest, "state", rest[0], dialled)
	hub.broadcast(1, pipeline.Realtime, "at once", rest[0], dialled)
	hub.Do(func(e *conn.Endpoint, now pipeline.Time) {
		hub.session(rest[0]).Lose(now)
		hub.session(dialled).Lose(now)
	})
	w.run(0)
	require.EqualValues(t, 3, hub.Stats().Offline-before)
	w.await(10*time.Second, func() bool { return len(dialled.got) > 0 })
	require.Equal(t, []string{"state"}, dialled.payloads())
	require.Empty(t, rest[0].got)
	w.closeAll()
}

// Messages that user stages process, that a Journal records, or that are Reliable are in
// queues.
func TestBroadcastsThatNeedQueues(t *testing.T) {
	w := newWorld(t, 1)
	plain := w.node()
	require.False(t, plain.Endpoint().BeginBroadcast(&conn.Message{Channel: 1, Intent: pipeline.Reliable}))
	require.False(t, plain.Endpoint().BeginBroadcast(&conn.Message{Channel: 1, Intent: pipeline.Latest, Payload: make([]byte, conn.AcceptedDatagram)}), "it is sent in fragments")
	for name, change := range map[string]func(*conn.Config){
		"stage": func(c *conn.Config) {
			c.Stages = func(s *stages.Set) error {
				s.Outbound.InsertBefore("pack", pipeline.Func("own", nil, func(*pipeline.Packet) pipeline.Verdict { return pipeline.Accept }))
				return nil
			}
		},
		"journal": func(c *conn.Config) { c.Journal.Step = func(*conn.Peer, uint64) {} },
	} {
		require.False(t, w.node(change).Endpoint().BeginBroadcast(&conn.Message{Channel: 1, Intent: pipeline.Realtime}), name)
	}
}

// A message that fits no packet is dropped like one that was pushed, and holds up no other.
func TestBroadcastTooLarge(t *testing.T) {
	w := newWorld(t, 1)
	hub, rest := w.hub(2, func(c *conn.Config) { c.MaxDatagram, c.MaxMessage = 512, 1 })
	w.run(time.Second)
	hub.broadcast(1, pipeline.Realtime, strings.Repeat("x", 1000), rest...)
	hub.broadcast(1, pipeline.Realtime, "next", rest...)
	w.run(100 * time.Millisecond)
	require.EqualValues(t, 2, hub.Stats().TooLarge)
	require.Equal(t, []string{"next"}, rest[0].payloads())
	w.closeAll()
}

// An endpoint that closes accepts no broadcast, and counts those that it has as lost.
func TestBroadcastWhileClosing(t *testing.T) {
	w := newWorld(t, 1)
	hub, rest := w.hub(2)
	w.run(time.Second)
	hub.broadcast(1, pipeline.Latest, "late", rest...)
	hub.Do(func(e *conn.Endpoint, now pipeline.Time) {
		for e.Close(wire.CloseShutdown, now) {
			e.Outgoing()
		}
		require.False(t, e.BeginBroadcast(&conn.Message{Channel: 1, Intent: pipeline.Latest}))
		e.Flush(now)
		require.EqualValues(t, 2, e.Stats().Offline)
	})
	w.run(time.Second)
}
