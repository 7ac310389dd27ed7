package member

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// These tests are about the choice between sessions of one key, each rule alone.

// known returns a hub that n takes for alive and of which it knows nothing else.
func (n *node) known(name string, inc uint64) *other {
	o := n.member.newOther(keyOf(name), inc)
	o.alive = true
	return o
}

// TestNewestOfOtherHubs: the newest session at other hubs counts, in whatever order they became
// known: the one that began when the other was known, else the one with the higher revision, else
// with the higher generation, else at the hub with the higher key. One at a lost hub does not.
func TestNewestOfOtherHubs(t *testing.T) {
	n := newNetwork(1).add(t)
	low, high := n.known("low", 11), n.known("high", 12)
	low.key, high.key = intentra.PublicKey{1}, intentra.PublicKey{2}
	lost := n.known("lost", 13)
	lost.alive = false
	for _, step := range []struct {
		rule     string
		old, new session
	}{
		{
			"began when the other was known", session{hub: high, generation: 9, revision: 8},
			session{hub: low, generation: 2, revision: 3, over: map[uint64]uint64{12: 9}},
		},
		{
			"of an earlier session it knew only", session{hub: low, generation: 9, revision: 8},
			session{hub: high, generation: 2, revision: 9, over: map[uint64]uint64{11: 8}},
		},
		{"revision", session{hub: high, generation: 9, revision: 3}, session{hub: low, generation: 2, revision: 4}},
		{"generation, without a revision", session{hub: high, generation: 2, revision: 3}, session{hub: low, generation: 3}},
		{"generation, with one", session{hub: high, generation: 2}, session{hub: low, generation: 3, revision: 3}},
		{"key of the hub", session{hub: low, generation: 2, revision: 3}, session{hub: high, generation: 2}},
		{"present", session{hub: lost, generation: 9, revision: 9}, session{hub: low, generation: 2, revision: 3}},
	} {
		step.old.connected, step.new.connected = true, true
		p := &publisher{others: []*session{&step.old, &step.new}}
		require.Same(t, &step.new, n.member.elect(p), step.rule)
		slices.Reverse(p.others)
		require.Same(t, &step.new, n.member.elect(p), step.rule)
	}
}

// TestReplacedByProof: a session of this hub ends only for one elsewhere that began when it was
// known, or whose claim was entered later than its own. Other hubs learn of the end.
func TestReplacedByProof(t *testing.T) {
	for _, step := range []struct {
		rule        string
		own, theirs session
		replaced    bool
	}{
		{"it was known", session{generation: 9, revision: 9}, session{generation: 2, revision: 3, over: map[uint64]uint64{0: 9}}, true},
		{"an earlier one was known", session{generation: 9}, session{generation: 2, over: map[uint64]uint64{0: 8}}, false},
		{"later claim", session{generation: 9, revision: 3}, session{generation: 2, revision: 4}, true},
		{"earlier claim", session{generation: 2, revision: 4}, session{generation: 9, revision: 3}, false},
		{"no claim of its own", session{generation: 2}, session{generation: 9, revision: 3}, false},
		{"no claim of the other", session{generation: 2, revision: 3}, session{generation: 9}, false},
		{"later claim, but it began when the other was known", session{generation: 9, revision: 3, over: map[uint64]uint64{12: 2}}, session{generation: 2, revision: 4}, false},
	} {
		n := newNetwork(1).add(t)
		p := n.member.publisher(keyOf("client"))
		p.local, p.others = &step.own, []*session{&step.theirs}
		step.own.publisher, step.theirs.publisher = p, p
		step.own.connected, step.theirs.connected = true, true
		step.theirs.hub = n.known("other", 12)
		if g, ok := step.theirs.over[0]; ok {
			step.theirs.over = map[uint64]uint64{n.inc: g}
		}
		var best *session
		n.member.Begin(n, 0)
		best = n.member.elect(p)
		require.Equal(t, step.replaced, len(n.replaced) == 1, step.rule)
		require.Equal(t, step.replaced, best == &step.theirs, step.rule)
		require.Equal(t, !step.replaced, step.own.connected, step.rule)
		if step.replaced {
			require.Len(t, n.member.ops, 1, step.rule)
			require.False(t, n.member.ops[0].Session.Connected)
		}
	}
}

// TestClaimOfAnEarlierSession: the claim of a session that has ended is not entered, and if it
// was, its revision is not that of the next session.
func TestClaimOfAnEarlierSession(t *testing.T) {
	n := newNetwork(1).add(t)
	k := keyOf("client")
	connected := func(connected bool) {
		n.turn(func() { n.member.LocalPublisher(hub.Publisher{Key: k, Connected: connected}) })
	}
	connected(true)
	earlier := n.member.Claims()
	require.Len(t, earlier, 1)
	require.True(t, n.member.Current(earlier[0]))
	connected(false)
	require.False(t, n.member.Current(earlier[0]), "it has ended")
	connected(true)
	later := n.member.Claims()
	require.Len(t, later, 1)
	require.False(t, n.member.Current(earlier[0]), "it is another one")
	require.True(t, n.member.Current(later[0]))
	n.turn(func() { n.member.Claimed(earlier[0], 7) })
	require.Zero(t, n.member.publishers[k].local.revision)
	n.turn(func() { n.member.Claimed(later[0], 8) })
	require.EqualValues(t, 8, n.member.publishers[k].local.revision)
}

// TestShownSession: a hub shows the newest session, also as long as it does not hear that the
// earlier one has ended.
func TestShownSession(t *testing.T) {
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		w, _ := calmNetwork(t, 3)
		first, last, at := w.hubs[order[0]], w.hubs[order[1]], w.hubs[2]
		c := &client{key: keyOf("twice"), counter: map[string]uint64{"pose": 1}}
		c.join(first)
		w.pass(time.Second)
		w.drop = func(from, to int, _ string, _ []byte) bool { return from == first.index && to == 2 }
		c.join(last)
		w.pass(500 * time.Millisecond)
		require.True(t, at.member.hubs[first.key].sessions[c.key].connected)
		require.Equal(t, last.key, at.member.publishers[c.key].shown.hub.key)
	}
}
