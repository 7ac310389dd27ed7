package member

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/frame"
)

// TestHubsAreBounded: heartbeats of more hubs than a fleet may have are refused.
func TestHubsAreBounded(t *testing.T) {
	w := newNetwork(1)
	n := w.add(t)
	for i := range maxHubs + 10 {
		other, err := New(Config{Key: keyOf(fmt.Sprint("many", i)), Incarnation: uint64(i + 1)}, &heartbeats{n: n})
		require.NoError(t, err)
		other.Begin(n, 1)
		other.Tick()
	}
	require.Len(t, n.member.hubs, maxHubs)
	require.EqualValues(t, 10, n.member.Stats().Refused)
	w.now = 2 * time.Minute
	n.turn(n.member.Tick)
	require.Empty(t, n.member.hubs, "silent hubs are forgotten")
	require.Empty(t, n.member.byInc)
}

type heartbeats struct {
	bus
	n *node
}

func (h *heartbeats) Heartbeat(b []byte) { h.n.turn(func() { h.n.member.ReceiveHeartbeat(b) }) }

// TestDirectoriesAreBounded: sessions and topics of other hubs beyond the limits are refused, as
// are topics that no hub could have declared, and the list of hubs in a session is not longer than
// a fleet may be.
func TestDirectoriesAreBounded(t *testing.T) {
	n := newNetwork(1).add(t)
	m, o := n.member, n.known("other", 12)
	session := func(name string, over int) frame.Op {
		f := frame.Session{Key: keyOf(name), Generation: 1, Connected: true, Over: make(map[uint64]uint64)}
		for i := range over {
			f.Over[uint64(i+1)] = 1
		}
		return frame.Op{Session: &f}
	}
	topic := func(id uint64, name string) frame.Op {
		return frame.Op{Topic: &frame.Topic{ID: id, Key: keyOf("first"), Name: name, Intent: intentra.Latest}}
	}
	apply := func(refused uint64, ops ...frame.Op) {
		before := m.Stats().Refused
		n.turn(func() { m.apply(o, ops) })
		require.Equal(t, refused, m.Stats().Refused-before)
	}
	m.sessions, m.foreign = maxSessions-1, maxTopics-1
	apply(0, session("first", maxHubs))
	require.Len(t, o.sessions[keyOf("first")].over, maxHubs)
	apply(1, session("second", 0))
	require.Len(t, o.sessions, 1)
	apply(0, session("first", maxHubs+1)) // known: it changes
	require.Empty(t, o.sessions[keyOf("first")].over)
	apply(1, topic(1, "*"))
	apply(0, topic(2, "pose"))
	apply(1, topic(3, "order"))
	require.Len(t, o.topics, 1)
	apply(0, frame.Op{Retract: 2})
	apply(0, topic(3, "order"))
}
