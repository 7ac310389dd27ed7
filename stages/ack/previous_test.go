package ack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// twoEpochs returns a rig whose session A has epochs 0 and 1.
func twoEpochs(t *testing.T) *rig {
	r := newRig(t, Config{})
	r.chain.OpenEpoch(pipeline.EpochNotice{Session: sessionA, Epoch: epochOf(sessionA, 1), Seq: 1})
	return r
}

// Packets of the epoch before count as lost when a packet that was sent three or more
// later is acknowledged, whichever epoch it is of.
func TestOvertaken(t *testing.T) {
	for sent, lost := range map[int]uint64{0: 0, 1: 1, 5: 5} {
		for acked := range uint64(5) {
			r := twoEpochs(t)
			r.sent(sessionA, 0, sent)
			r.sent(sessionA, 1, 5)
			r.receive(sessionA, 1, 0, ack(1, acked, 0))
			require.EqualValues(t, max(0, min(int64(lost), int64(lost)+int64(acked)-2)), r.lost(0), "%d sent, %d acked", sent, acked)
			require.Equal(t, r.lost(0) < lost, r.tracker(sessionA, 0).Outstanding())
		}
	}
}

// lost returns how many packets sent in an epoch of session A count as lost.
func (r *rig) lost(epoch uint32) (n uint64) {
	t := r.tracker(sessionA, epoch)
	for c := range t.Next() {
		if t.Lost(c) {
			n++
		}
	}
	return n
}

// All acknowledgements of a packet apply before one epoch's overtakes another's, in
// whatever order they come.
func TestOvertakenAfterAllOfAPacket(t *testing.T) {
	before, current := ack(0, 4, 0, 1<<4-1), ack(1, 4, 0, 1<<4-1)
	for _, b := range [][]byte{frames(before, current), frames(current, before)} {
		r := twoEpochs(t)
		r.sent(sessionA, 0, 5)
		r.sent(sessionA, 1, 5)
		r.receive(sessionA, 1, 0, b)
		require.Len(t, r.outcomes, 2)
		for _, o := range r.outcomes {
			require.EqualValues(t, 5, o.Acked)
			require.Zero(t, o.Lost+o.Unlost)
		}
	}
}

// The last acknowledgement of an epoch is sent ackRepeats times, in packets that carry
// another.
func TestRepeatPrevious(t *testing.T) {
	r := twoEpochs(t)
	r.now = 1000 * millisecond
	r.receive(sessionA, 0, 7, ping)
	for i := range 10 {
		if i > 0 {
			require.Empty(t, r.send(sessionA, 0, roomForAll), "a repetition is not sent for itself")
			r.receive(sessionA, 1, uint64(i), ping)
		}
		epochs := map[uint8]uint64{}
		for _, a := range r.send(sessionA, 0, roomForAll) {
			require.NotContains(t, epochs, a.Epoch)
			epochs[a.Epoch] = a.Largest
		}
		require.Equal(t, i < ackRepeats, epochs[0] == 7, "packet %d", i)
		require.EqualValues(t, i, epochs[1])
	}
}

// A repetition leaves the room to acknowledgements that are owed.
func TestRepeatNeedsRoom(t *testing.T) {
	r := twoEpochs(t)
	r.receive(sessionA, 0, 0, ping)
	require.Len(t, r.send(sessionA, 0, roomForAll), 1)
	r.receive(sessionA, 1, 0, ping)
	acks := r.send(sessionA, 0, wire.HeaderSize+21+wire.TagSize)
	require.Len(t, acks, 1)
	require.EqualValues(t, 1, acks[0].Epoch)
	r.receive(sessionA, 1, 1, ping)
	require.Len(t, r.send(sessionA, 0, roomForAll), 2, "later there is room for both")
}
