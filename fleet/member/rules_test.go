package member

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/frame"
)

// These tests are about single rules, in a network that does what the test says.

func everything(intentra.PublicKey) bool { return true }

// calmNetwork returns hubs that want everything, each with a client.
func calmNetwork(t *testing.T, hubs int) (*network, []*client) {
	w := newNetwork(1)
	w.delay = 0
	for range hubs {
		w.add(t).interest = everything
	}
	clients := w.clients(hubs)
	w.pass(2 * time.Second)
	return w, clients
}

// value returns the newest value that a hub has of a client.
func (n *node) value(c *client) uint64 { return n.remotes[c.key].topics["pose"].value }

// TestSilentHub: the publishers of a hub that is silent count as disconnected, their values are
// dropped, and what still comes is not delivered, until it is heard again.
func TestSilentHub(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	c, at := clients[0], w.hubs[1]
	require.NotZero(t, at.value(c))
	w.drop = func(from, _ int, kind string, _ []byte) bool { return from == 0 && kind == "heartbeat" }
	w.pass(3 * time.Second)
	require.False(t, at.remotes[c.key].connected)
	require.Zero(t, at.value(c))
	before := at.member.Stats()
	c.publish()
	w.pass(100 * time.Millisecond)
	require.Equal(t, before.Updates, at.member.Stats().Updates)
	require.Positive(t, at.member.Stats().Drops[Fenced])
	w.drop = nil
	w.pass(time.Second)
	require.True(t, at.remotes[c.key].connected)
	require.Equal(t, c.counter["pose"], at.value(c))
}

// TestEverythingTwice: frames that come twice change nothing.
func TestEverythingTwice(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	w.twice = 1
	before := w.hubs[1].member.Stats()
	for range 20 {
		clients[0].publish()
		w.pass(50 * time.Millisecond)
	}
	clients[0].leave()
	w.pass(50 * time.Millisecond)
	clients[0].join(w.hubs[0])
	w.pass(time.Second)
	s := w.hubs[1].member.Stats()
	require.EqualValues(t, 40, s.Drops[Repeated])
	require.Zero(t, s.Drops[Stale]+s.Drops[Unknown]+s.Missing)
	require.Equal(t, before.Snapshots, s.Snapshots)
	require.Len(t, w.hubs[1].reliable[clients[0].key], 20)
}

// TestValuesFollowBatches: values are as new as the updates that were sent before them, also
// those that wait in a batch.
func TestValuesFollowBatches(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	a, b, c := w.hubs[0], w.hubs[1], clients[0]
	for range 10 {
		c.publish()
		a.turn(func() {
			a.member.ReceiveDirect(frame.Encode(frame.Direct{
				From: b.key, Incarnation: b.inc, To: a.inc, Ask: &frame.Ask{Values: []uint64{c.ids["pose"], c.ids["order"]}},
			}))
		})
		w.pass(20 * time.Millisecond)
	}
	require.Len(t, b.reliable[c.key], 10)
	require.Zero(t, b.member.Stats().Missing+b.member.Stats().Drops[Stale])
}

// TestBatchesAreBounded: a batch that is full is sent before it exceeds Config.Batch, and an
// update that is larger travels alone.
func TestBatchesAreBounded(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	a, c := w.hubs[0], clients[0]
	a.member.cfg.Batch = 200
	var sizes []int
	w.drop = func(_, _ int, kind string, b []byte) bool {
		if kind == "direct" && frame.IsBinary(b) {
			sizes = append(sizes, len(b))
		}
		return false
	}
	before := a.member.Stats()
	a.turn(func() {
		for range 10 {
			a.member.LocalUpdate(c.ids["pose"], make([]byte, 40), Stamp{})
		}
		a.member.LocalUpdate(c.ids["pose"], make([]byte, 1000), Stamp{})
		a.member.LocalUpdate(c.ids["pose"], make([]byte, frame.MaxFrame), Stamp{})
		a.member.Flush()
	})
	s := a.member.Stats()
	require.EqualValues(t, 11, s.UpdatesSent-before.UpdatesSent)
	require.EqualValues(t, 1, s.Unsent[UnsentTooLarge])
	require.Greater(t, len(sizes), 3)
	for _, size := range sizes[:len(sizes)-1] {
		require.LessOrEqual(t, size, 200)
		require.Greater(t, size, 60, "several updates")
	}
	require.Greater(t, sizes[len(sizes)-1], 1000)
	require.Less(t, cap(a.member.hubs[w.hubs[1].key].out.buf), 1000, "the memory of a large update is not kept")
}

// TestLastWords: updates arrive that a publisher sent before it left or ended a topic.
func TestLastWords(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	c, b := clients[0], w.hubs[1]
	c.publish()
	c.retract("order")
	w.hubs[0].turn(func() {}) // does not flush
	w.pass(50 * time.Millisecond)
	require.Len(t, b.reliable[c.key], 1)
	require.NotContains(t, b.remotes[c.key].topics, "order")
	c.join(w.hubs[0])
	w.pass(time.Second)
	c.publish()
	c.leave()
	w.hubs[0].turn(func() {})
	w.pass(50 * time.Millisecond)
	require.Len(t, b.reliable[c.key], 2)
}

// TestUpdateAfterItsValue: an update that comes after a value as new as it is not delivered.
func TestUpdateAfterItsValue(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	a, b, c := w.hubs[0], w.hubs[1], clients[0]
	c.publish()
	var frames [][]byte
	w.drop = func(from, _ int, kind string, f []byte) bool {
		if from != 0 || kind != "direct" {
			return false
		}
		frames = append(frames, append([]byte(nil), f...))
		return true
	}
	a.turn(func() {
		a.member.Flush()
		a.member.ReceiveDirect(frame.Encode(frame.Direct{
			From: b.key, Incarnation: b.inc, To: a.inc, Ask: &frame.Ask{Values: []uint64{c.ids["pose"], c.ids["order"]}},
		}))
	})
	w.drop = nil
	require.Len(t, frames, 2)
	before := b.member.Stats()
	b.turn(func() { b.member.ReceiveDirect(frames[1]) })
	b.turn(func() { b.member.ReceiveDirect(frames[0]) })
	s := b.member.Stats()
	require.EqualValues(t, 1, s.Updates-before.Updates)
	require.EqualValues(t, 2, s.Drops[Stale])
	require.EqualValues(t, 1, s.LostReliable)
}

// TestOldValueOfAnEarlierInterest: the answer to an interest that has ended and begun again is
// newer than a late answer to the first one.
func TestOldValueOfAnEarlierInterest(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	a, b, c := w.hubs[0], w.hubs[1], clients[0]
	var held []byte
	answers := func(_, to int, kind string, frame []byte) bool {
		if to != 1 || kind != "direct" || frame[0] == '{' {
			return false
		}
		held = append([]byte(nil), frame...)
		return true
	}
	interest := func(wanted bool) {
		b.interest = func(intentra.PublicKey) bool { return wanted }
		b.reconsider(c.key)
		w.pass(50 * time.Millisecond)
	}
	interest(false)
	w.drop = answers
	interest(true)
	first := held
	interest(false)
	c.publish() // no hub wants it
	w.pass(50 * time.Millisecond)
	interest(true)
	w.drop = nil
	require.NotEqual(t, first, held)
	for _, late := range [][]byte{first, held} {
		b.turn(func() { b.member.ReceiveDirect(late) })
	}
	require.Equal(t, c.counter["pose"], b.value(c))
	require.Zero(t, a.member.Stats().Malformed)
}

// TestInterestMessages: what another hub wants follows its messages in their order, whichever
// order they come in.
func TestInterestMessages(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	a, b, c := w.hubs[0], w.hubs[1], clients[0]
	pose, order := c.ids["pose"], c.ids["order"]
	o := a.member.hubs[b.key]
	receive := func(to uint64, i frame.Interest) {
		i.Seq += o.heardInterest
		a.turn(func() {
			a.member.ReceiveDirect(frame.Encode(frame.Direct{From: b.key, Incarnation: b.inc, To: to, Interest: &i}))
		})
	}
	require.True(t, o.wants[pose] && o.wants[order])
	receive(a.inc, frame.Interest{Seq: 1, Full: true, Add: []uint64{order}})
	require.False(t, o.wants[pose], "it is not in a full list")
	require.True(t, o.wants[order])
	receive(a.inc, frame.Interest{Seq: ^uint64(0), Full: true, Add: []uint64{pose, order}})
	require.False(t, o.wants[pose], "of an old full list")
	receive(a.inc+1, frame.Interest{Seq: 1, Full: true, Add: []uint64{pose, order}})
	require.False(t, o.wants[pose], "to an earlier process")
	receive(a.inc, frame.Interest{Seq: 2, Add: []uint64{pose}})
	require.False(t, o.wants[pose], "beyond a gap")
	receive(a.inc, frame.Interest{Seq: 1, Full: true, Part: 1, Add: []uint64{pose}})
	require.False(t, o.wants[pose], "the first part is missing")
	receive(a.inc, frame.Interest{Seq: 1, Full: true, More: true, Add: []uint64{order}})
	receive(a.inc, frame.Interest{Seq: 1, Full: true, Part: 2, Add: []uint64{pose}})
	require.False(t, o.wants[pose], "a part is missing")
	receive(a.inc, frame.Interest{Seq: 2, Full: true, Part: 1, Add: []uint64{pose}})
	require.False(t, o.wants[pose], "it is a part of another list")
	receive(a.inc, frame.Interest{Seq: 1, Full: true, Part: 1, Add: []uint64{pose}})
	require.True(t, o.wants[pose] && o.wants[order])
	require.Len(t, a.member.topics[pose].wantedBy, 1)
}

func TestToggle(t *testing.T) {
	add, drop := toggle(nil, nil, 1)
	add, drop = toggle(add, drop, 2)
	require.Equal(t, []uint64{1, 2}, add)
	drop, add = toggle(drop, add, 1)
	require.Equal(t, []uint64{2}, add)
	require.Empty(t, drop)
}

// TestValueAfterASilence: a value that has changed while its hub did not hear this one comes,
// even if the first answer is lost.
func TestValueAfterASilence(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	c, b := clients[0], w.hubs[1]
	w.drop = func(from, _ int, kind string, _ []byte) bool { return from == 1 && kind == "heartbeat" }
	w.pass(3 * time.Second) // b goes on hearing a
	c.publish()
	w.pass(100 * time.Millisecond)
	require.NotEqual(t, c.counter["pose"], b.value(c))
	lost := 0
	w.drop = func(from, _ int, kind string, f []byte) bool {
		if from == 0 && kind == "direct" && frame.IsBinary(f) && lost == 0 {
			lost++
			return true
		}
		return false
	}
	w.pass(2 * time.Second)
	require.Equal(t, 1, lost)
	require.Equal(t, c.counter["pose"], b.value(c))
}

// TestForgottenOnOneSide: a hub that was forgotten by another one, which it went on hearing,
// gets and sends updates again once both hear each other.
func TestForgottenOnOneSide(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	for range 10 { // so that numbers are higher than those that begin again
		for _, c := range clients {
			c.publish()
		}
		w.pass(50 * time.Millisecond)
		for _, n := range w.hubs {
			n.interest = func(intentra.PublicKey) bool { return false }
			n.reconsider(clients[1-n.index].key)
			w.pass(50 * time.Millisecond)
			n.interest = everything
			n.reconsider(clients[1-n.index].key)
			w.pass(50 * time.Millisecond)
		}
	}
	w.cut[[2]int{0, 1}] = true
	w.pass(70 * time.Second)
	require.Empty(t, w.hubs[1].member.hubs)
	require.Len(t, w.hubs[0].member.hubs, 1)
	clear(w.cut)
	w.pass(2 * time.Second)
	before := [2]int{len(w.hubs[1].reliable[clients[0].key]), len(w.hubs[0].reliable[clients[1].key])}
	for _, c := range clients {
		c.publish()
	}
	w.pass(time.Second)
	for i, c := range clients {
		other := w.hubs[1-i]
		require.Equal(t, c.counter["pose"], other.value(c), "of hub %d", i)
		require.Len(t, other.reliable[c.key], before[i]+1, "of hub %d", i)
	}
}

// TestDirectories: a change that was lost comes with the snapshot, and a late snapshot undoes
// nothing.
func TestDirectories(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	a, b, c := w.hubs[0], w.hubs[1], clients[0]
	var snapshot []byte
	w.drop = func(from, _ int, kind string, f []byte) bool {
		if from == 0 && kind == "direct" && !frame.IsBinary(f) {
			snapshot = append([]byte(nil), f...)
		}
		return from == 0 && kind == "directory"
	}
	c.retract("order")
	w.pass(2 * time.Second)
	require.NotContains(t, b.remotes[c.key].topics, "order", "a retraction was lost")
	c.leave()
	w.pass(2 * time.Second)
	require.NotContains(t, b.member.hubs[a.key].sessions, c.key, "the end of a publisher was lost")
	w.drop = nil
	old := snapshot
	c.join(a)
	w.pass(time.Second)
	require.True(t, b.remotes[c.key].connected)
	b.turn(func() { b.member.ReceiveDirect(old) })
	require.True(t, b.remotes[c.key].connected, "an old snapshot")

	o := b.member.hubs[a.key]
	part := func(i, of int, seq uint64, ops ...frame.Op) {
		b.turn(func() {
			b.member.ReceiveDirect(frame.Encode(frame.Direct{From: a.key, Incarnation: a.inc, To: b.inc, Directory: &frame.Directory{
				Hub: a.key, Incarnation: a.inc, Seq: seq, Snapshot: true, Part: i, Parts: of, Ops: ops,
			}}))
		})
	}
	session := frame.Op{Session: &frame.Session{Key: c.key, Generation: 99, Connected: true}}
	topic := func(id uint64) frame.Op {
		return frame.Op{Topic: &frame.Topic{ID: id, Key: c.key, Name: "new", Intent: intentra.Latest}}
	}
	next := o.directory + 1
	part(1, 2, next, session)
	part(0, 3, next, session)
	part(2, 3, next, topic(100))
	part(1, 3, next+1, topic(100))
	require.Len(t, o.topics, 2, "parts are missing")
	part(1, 3, next)
	part(2, 3, next, topic(100), topic(101))
	require.Len(t, o.topics, 1)
	require.NotNil(t, o.topics[101], "one topic of each name")
	require.Equal(t, b.member.Stats().Topics, 1)
}

// TestMoveWithFewerTopics: topics that a publisher no longer has at its new hub end.
func TestMoveWithFewerTopics(t *testing.T) {
	w, clients := calmNetwork(t, 3)
	c, at := clients[0], w.hubs[2]
	old := w.hubs[0]
	c.join(w.hubs[1])
	c.retract("order")
	w.pass(time.Second)
	require.Equal(t, w.hubs[1].key, at.member.publishers[c.key].shown.hub.key)
	require.NotContains(t, at.remotes[c.key].topics, "order")
	require.EqualValues(t, 1, at.member.Stats().Moves)
	require.NotNil(t, old.member.publishers[c.key].local)
}

// TestDrainIsHeardAtOnce: other hubs learn of it with the next tick.
func TestDrainIsHeardAtOnce(t *testing.T) {
	w, _ := calmNetwork(t, 2)
	w.pass(100 * time.Millisecond)
	w.hubs[0].turn(func() { w.hubs[0].member.Drain(true) })
	w.pass(10 * time.Millisecond)
	require.True(t, w.hubs[1].member.hubs[w.hubs[0].key].draining)
}
