package member

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/frame"
)

// These tests are about the sequences of batches, with frames that the tests make.

// sequence makes frames that hub a sends to hub b, which it does not send itself.
type sequence struct {
	a, b *node
	from *other // as b knows a
	lane uint32
}

// newSequence returns two hubs, of which the second has all values of the first one's client.
func newSequence(t *testing.T) (*sequence, *client) {
	w, clients := calmNetwork(t, 2)
	a, b := w.hubs[0], w.hubs[1]
	o := b.member.hubs[a.key]
	require.True(t, o.flow.Begun())
	require.NotZero(t, o.lane)
	return &sequence{a: a, b: b, from: o, lane: o.lane}, clients[0]
}

// next returns an update of a topic that is some numbers after the newest which b has.
func (s *sequence) next(c *client, name string, after, value uint64) frame.Update {
	t := s.from.topics[c.ids[name]]
	return frame.Update{ID: t.ID, Seq: t.last + after, Payload: binary.BigEndian.AppendUint64(nil, value)}
}

// receive has b receive a batch, or newest values.
func (s *sequence) receive(lane uint32, seq uint64, values bool, updates ...frame.Update) {
	f := frame.Header{Values: values, Incarnation: s.a.inc, Lane: lane, Seq: seq}.Append(nil)
	for _, u := range updates {
		f = u.Append(f)
	}
	s.b.turn(func() { s.b.member.ReceiveDirect(f) })
}

// heartbeat has b receive a heartbeat that names the newest batch.
func (s *sequence) heartbeat(batch uint64) {
	f := frame.Encode(frame.Heartbeat{
		Hub: s.a.key, Incarnation: s.a.inc, Seq: s.from.beat + 1, Directory: s.from.directory,
		Sent: map[uint64]frame.Sent{s.b.inc: {Batch: batch, Interest: s.from.heardInterest}},
	})
	s.b.turn(func() { s.b.member.ReceiveHeartbeat(f) })
}

// TestOldLane: batches and newest values of a lane are dropped once a newer lane has begun, which
// goes on.
func TestOldLane(t *testing.T) {
	s, c := newSequence(t)
	seq := s.from.flow.Newest()
	s.receive(s.lane+1, 1, false, s.next(c, "order", 1, 1))
	require.EqualValues(t, []uint64{1}, s.b.reliable[c.key])
	before, value := s.b.member.Stats(), s.b.value(c)
	s.receive(s.lane, seq+1, false, s.next(c, "pose", 1, 50))
	s.receive(s.lane, seq+1, true, s.next(c, "pose", 1, 51))
	after := s.b.member.Stats()
	require.Equal(t, value, s.b.value(c))
	require.EqualValues(t, 2, after.Drops[Fenced]-before.Drops[Fenced])
	require.Equal(t, before.Updates, after.Updates)
	require.Equal(t, before.Batches, after.Batches)
	s.receive(s.lane+1, 2, false, s.next(c, "pose", 1, 60))
	require.EqualValues(t, 60, s.b.value(c))
	require.EqualValues(t, 2, s.from.flow.Newest())
}

// TestBatchesOfANewLane: a batch of the old lane that has not come is not missed in the new one.
func TestBatchesOfANewLane(t *testing.T) {
	s, c := newSequence(t)
	s.heartbeat(s.from.flow.Newest() + 5)
	before := s.b.member.Stats().Batches
	s.receive(s.lane+1, 1, false, s.next(c, "pose", 1, 50))
	s.heartbeat(1)
	s.receive(s.lane+1, 2, false, s.next(c, "pose", 1, 51))
	require.EqualValues(t, 51, s.b.value(c))
	after := s.b.member.Stats().Batches
	require.EqualValues(t, 2, after.InOrder-before.InOrder)
	require.Equal(t, before.Missing, after.Missing)
}

// TestLatestBatchIsLost: a batch that two heartbeats name and that has not come is lost, so newest
// values are asked for. One heartbeat may have overtaken it.
func TestLatestBatchIsLost(t *testing.T) {
	for _, comes := range []bool{true, false} {
		s, c := newSequence(t)
		before, newest := s.b.member.Stats(), s.from.flow.Newest()
		s.heartbeat(newest + 1)
		require.False(t, s.from.stale)
		if comes {
			s.receive(s.lane, newest+1, false, s.next(c, "pose", 1, 50))
			require.EqualValues(t, 50, s.b.value(c))
		}
		s.heartbeat(newest + 1)
		s.heartbeat(newest + 1)
		after := s.b.member.Stats()
		require.Equal(t, !comes, s.from.stale)
		if comes {
			require.Equal(t, before.Batches.Missing, after.Batches.Missing)
			continue
		}
		require.EqualValues(t, 1, after.Batches.Missing-before.Batches.Missing)
		s.b.w.pass(500 * time.Millisecond)
		require.EqualValues(t, 1, s.b.member.Stats().Refreshes-before.Refreshes)
	}
}

// TestBatchesBeforeTheFirst: batches are not missed that a hub sent before this one wanted
// anything of it.
func TestBatchesBeforeTheFirst(t *testing.T) {
	s, _ := newSequence(t)
	s.from.flow = (&other{}).flow
	before := s.b.member.Stats()
	for range 3 {
		s.heartbeat(100)
	}
	require.Equal(t, before.Batches.Missing, s.b.member.Stats().Batches.Missing)
	require.False(t, s.from.stale)
}

// TestLateReliableUpdate: a Reliable update whose batch comes late is delivered, although newest
// values have been asked for and have come since.
func TestLateReliableUpdate(t *testing.T) {
	s, c := newSequence(t)
	newest, late := s.from.flow.Newest(), s.next(c, "order", 1, 1)
	s.receive(s.lane, newest+2, false, s.next(c, "pose", 1, 50))
	require.True(t, s.from.stale)
	s.a.w.drop = func(from, _ int, kind string, f []byte) bool {
		var d frame.Direct
		if from != 1 || kind != "direct" || frame.Decode(f, &d) != nil || d.Ask == nil {
			return false
		}
		for _, id := range d.Ask.Values { // a answers as if it had sent both
			s.a.member.topics[id].seq = s.from.topics[id].last
			if id == late.ID {
				s.a.member.topics[id].seq = late.Seq
			}
		}
		return false
	}
	before := s.b.member.Stats()
	s.b.turn(func() { s.b.member.refresh(s.from) })
	s.b.w.pass(50 * time.Millisecond)
	require.Empty(t, s.from.awaited, "the values have come")
	s.receive(s.lane, newest+1, false, late)
	require.Equal(t, []uint64{1}, s.b.reliable[c.key])
	require.Equal(t, before.LostReliable, s.b.member.Stats().LostReliable)
}

// TestAsksAreSpaced: a hub that finds gap after gap asks for one snapshot, and again a while later.
func TestAsksAreSpaced(t *testing.T) {
	s, _ := newSequence(t)
	gap := func() {
		f := frame.Encode(frame.Directory{Hub: s.a.key, Incarnation: s.a.inc, Seq: s.from.directory + 2})
		s.b.turn(func() { s.b.member.ReceiveDirectory(f) })
	}
	before := s.b.member.Stats().Snapshots
	for range 10 {
		gap()
	}
	require.EqualValues(t, 1, s.b.member.Stats().Snapshots-before)
	s.b.w.now += askAfter - 1
	gap()
	require.EqualValues(t, 1, s.b.member.Stats().Snapshots-before)
	s.b.w.now++
	gap()
	require.EqualValues(t, 2, s.b.member.Stats().Snapshots-before)
}

// TestIncarnationOfAnotherHub: a heartbeat with the incarnation of another hub, by which its
// batches are known, is refused, from a new hub as well as from one that is known.
func TestIncarnationOfAnotherHub(t *testing.T) {
	w, _ := calmNetwork(t, 3)
	a, b, at := w.hubs[0], w.hubs[1], w.hubs[2]
	o, known := at.member.hubs[a.key], at.member.hubs[b.key]
	for _, k := range []intentra.PublicKey{b.key, keyOf("new")} {
		f := frame.Encode(frame.Heartbeat{Hub: k, Incarnation: a.inc, Seq: 1000})
		at.turn(func() { at.member.ReceiveHeartbeat(f) })
	}
	require.Same(t, o, at.member.byInc[a.inc])
	require.Same(t, known, at.member.hubs[b.key])
	require.Len(t, at.member.hubs, 2)
	s := at.member.Stats()
	require.EqualValues(t, 1, s.Malformed)
	require.EqualValues(t, 1, s.Refused)
}

// TestForeignDirectories: a change that an earlier process of a hub has made, or that comes from a
// lost hub, does not apply to its directory, whatever its number.
func TestForeignDirectories(t *testing.T) {
	s, c := newSequence(t)
	forget := func(inc uint64) (known bool) {
		f := frame.Encode(frame.Directory{Hub: s.a.key, Incarnation: inc, Seq: s.from.directory + 1, Ops: []frame.Op{{Forget: &c.key}}})
		s.b.turn(func() { s.b.member.ReceiveDirectory(f) })
		return s.from.sessions[c.key] != nil
	}
	require.True(t, forget(s.a.inc+2))
	s.from.alive = false
	require.True(t, forget(s.a.inc))
	s.from.alive = true
	require.False(t, forget(s.a.inc))
}

// TestUpdatesBeforeTheFirst: updates of a topic are missed once one is known since the topic was
// asked for, and none from before that.
func TestUpdatesBeforeTheFirst(t *testing.T) {
	s, c := newSequence(t)
	pose, newest, before := s.from.topics[c.ids["pose"]], s.from.flow.Newest(), s.b.member.Stats()
	pose.based = false
	s.receive(s.lane, newest+1, false, s.next(c, "pose", 100, 50))
	require.Equal(t, before.Missing, s.b.member.Stats().Missing)
	s.receive(s.lane, newest+2, false, s.next(c, "pose", 3, 51))
	require.EqualValues(t, 2, s.b.member.Stats().Missing-before.Missing)
	require.EqualValues(t, 51, s.b.value(c))
}

// TestNoValueEndsADoubt: the answer that a topic has no value ends the doubt of it, as a value
// does, so that its next update is delivered.
func TestNoValueEndsADoubt(t *testing.T) {
	s, c := newSequence(t)
	pose, newest := s.from.topics[c.ids["pose"]], s.from.flow.Newest()
	pose.doubted = true
	s.receive(s.lane, newest+1, false, s.next(c, "pose", 1, 50))
	require.NotEqualValues(t, 50, s.b.value(c))
	s.receive(s.lane, newest+1, true, frame.Update{ID: pose.ID, Seq: pose.last, Absent: true})
	s.receive(s.lane, newest+2, false, s.next(c, "pose", 1, 51))
	require.EqualValues(t, 51, s.b.value(c))
}
