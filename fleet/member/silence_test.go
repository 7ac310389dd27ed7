package member

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/frame"
	"github.com/intentra/intentra/hub"
)

// These tests are about hubs that become silent and come back.

// silence drops all heartbeats of a hub from now on.
func (w *network) silence(hub int) {
	w.drop = func(from, _ int, kind string, _ []byte) bool { return from == hub && kind == "heartbeat" }
}

// TestUnwantedDuringASilence: a Reliable topic whose last subscriber has left since its hub became
// silent is no longer sent here once that hub is back.
func TestUnwantedDuringASilence(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	a, b, c := w.hubs[0], w.hubs[1], clients[0]
	order := c.ids["order"]
	w.silence(0)
	w.pass(3 * time.Second)
	require.True(t, a.member.hubs[b.key].wants[order], "it is numbered until the hub is back")
	b.interest = func(intentra.PublicKey) bool { return false }
	b.reconsider(c.key)
	w.drop = nil
	w.pass(time.Second)
	require.True(t, b.remotes[c.key].connected)
	require.False(t, a.member.hubs[b.key].wants[order])
	before := a.member.Stats().UpdatesSent
	c.publish()
	w.pass(50 * time.Millisecond)
	require.Equal(t, before, a.member.Stats().UpdatesSent)
}

// TestReliableThroughASilence: updates of a Reliable topic that were sent while the hub was silent
// count as missing once it is back, if the topic is still wanted.
func TestReliableThroughASilence(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	b, c := w.hubs[1], clients[0]
	c.publish()
	w.pass(50 * time.Millisecond)
	w.silence(0)
	w.pass(3 * time.Second)
	for range 3 {
		c.publish()
	}
	w.pass(50 * time.Millisecond)
	w.drop = nil
	w.pass(2 * time.Second)
	c.publish()
	w.pass(50 * time.Millisecond)
	require.EqualValues(t, 3, b.member.Stats().LostReliable)
	require.Equal(t, []uint64{1, 5}, b.reliable[c.key])
}

// TestUpdatesToASilentHub: updates are not put into a batch to a hub that is silent, and count as
// unsent. Those that waited when it became silent are sent at once, since it may hear this hub.
func TestUpdatesToASilentHub(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	a, c := w.hubs[0], clients[0]
	o := a.member.hubs[w.hubs[1].key]
	order := c.ids["order"]
	before := a.member.Stats()
	w.now += 3 * time.Second
	a.turn(func() {
		a.member.LocalUpdate(order, nil, Stamp{})
		a.member.Tick()
	})
	require.False(t, o.alive)
	require.EqualValues(t, 1, a.member.Stats().UpdatesSent-before.UpdatesSent)
	a.turn(func() {
		a.member.LocalUpdate(order, nil, Stamp{})
		a.member.Flush()
	})
	after := a.member.Stats()
	require.EqualValues(t, 1, after.UpdatesSent-before.UpdatesSent)
	require.EqualValues(t, 1, after.Unsent[UnsentSilent]-before.Unsent[UnsentSilent])
}

// TestHeartbeatToAHubThatIsBack: a hub that is heard for the first time, or again, is sent a
// heartbeat at the next tick, however long ago the latest heartbeat was.
func TestHeartbeatToAHubThatIsBack(t *testing.T) {
	w, _ := calmNetwork(t, 2)
	a, b := w.hubs[0], w.hubs[1]
	o := a.member.hubs[b.key]
	beat := func() {
		f := frame.Encode(frame.Heartbeat{Hub: b.key, Incarnation: b.inc, Seq: o.beat + 1, Directory: o.directory})
		a.turn(func() {
			a.member.ReceiveHeartbeat(f)
			a.member.Tick()
		})
	}
	a.turn(a.member.Tick)
	a.member.beatAt = w.now + a.member.cfg.Heartbeat
	before := a.member.beats
	beat()
	require.Equal(t, before, a.member.beats, "it was not silent")
	o.alive = false
	beat()
	require.Equal(t, before+1, a.member.beats)
}

// TestHeartbeatNamesWhatWasSent: a heartbeat names the latest batch that has been sent, not one
// that waits, which would count as missing.
func TestHeartbeatNamesWhatWasSent(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	a, b := w.hubs[0], w.hubs[1]
	named := func() uint64 { return a.member.heartbeat().Sent[b.inc].Batch }
	before := named()
	a.turn(func() {
		for range 2 {
			a.member.LocalUpdate(clients[0].ids["order"], nil, Stamp{})
			require.Equal(t, before, named())
		}
		a.member.Flush()
		require.Equal(t, before+1, named())
	})
}

// TestPeerThatRestarts: a peer of this hub that has restarted begins a new session, whose claim is
// newer, and one that is reported again does not.
func TestPeerThatRestarts(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	a, c := w.hubs[0], clients[0]
	a.member.Claims()
	claims := func(p hub.Publisher) []Claim {
		p.Key = c.key
		a.turn(func() { a.member.LocalPublisher(p) })
		return a.member.Claims()
	}
	g := a.member.publishers[c.key].local.generation
	require.Empty(t, claims(hub.Publisher{Connected: true}))
	require.Equal(t, []Claim{{c.key, g + 1}}, claims(hub.Publisher{Connected: true, Restarts: 1}))
	require.Empty(t, claims(hub.Publisher{Connected: true, Restarts: 1}))
	require.Empty(t, claims(hub.Publisher{Restarts: 1}))
	require.Equal(t, []Claim{{c.key, g + 2}}, claims(hub.Publisher{Connected: true, Restarts: 1}))
}

// TestPeerThatIsForgotten: updates that wait in a batch when their publisher is forgotten are sent
// before other hubs learn of its end, after which they would be unknown.
func TestPeerThatIsForgotten(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	a, b, c := w.hubs[0], w.hubs[1], clients[0]
	c.publish()
	a.turn(func() { a.member.LocalForgotten(c.key) })
	w.pass(50 * time.Millisecond)
	require.Equal(t, []uint64{1}, b.reliable[c.key])
	require.Zero(t, b.member.Stats().Drops[Unknown])
	require.Empty(t, b.member.hubs[a.key].sessions[c.key])
}

// TestOneTopicOfEachID: an ID means one topic for good, whatever a directory says later.
func TestOneTopicOfEachID(t *testing.T) {
	w, clients := calmNetwork(t, 2)
	b, c := w.hubs[1], clients[0]
	o := b.member.hubs[w.hubs[0].key]
	id, before := c.ids["pose"], b.member.Stats().Topics
	again := frame.Topic{ID: id, Key: c.key, Name: "other", Intent: intentra.Reliable}
	b.turn(func() { b.member.apply(o, []frame.Op{{Topic: &again}}) })
	require.Equal(t, "pose", o.topics[id].Name)
	require.Equal(t, before, b.member.Stats().Topics)
	require.NotContains(t, b.remotes[c.key].topics, "other")
}

// TestAgesBeyondReason: an age of another hub that is absurd counts as unknown, and so does one
// that could overflow.
func TestAgesBeyondReason(t *testing.T) {
	w, _ := calmNetwork(t, 2)
	b := w.hubs[1]
	o := b.member.hubs[w.hubs[0].key]
	most := int64(mostAge / time.Microsecond)
	for _, tt := range []struct {
		header, before int64
		within         uint64
		known          bool
	}{
		{0, 0, 0, true},
		{most, most, uint64(most), true},
		{-most, -most, 0, true},
		{most + 1, 0, 0, false},
		{-most - 1, 0, 0, false},
		{0, most + 1, 0, false},
		{0, -most - 1, 0, false},
		{0, 0, uint64(most) + 1, false},
	} {
		age := b.member.age(o, tt.header, frame.Stamp{Known: true, Before: tt.before, Within: tt.within})
		require.Equal(t, tt.known, age.Known, "%+v", tt)
		require.False(t, b.member.age(o, tt.header, frame.Stamp{Before: tt.before, Within: tt.within}).Known)
	}
}
