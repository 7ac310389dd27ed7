package ack

import (
	"testing"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

// roomForAll is the capacity of a packet with room for all acknowledgements.
const roomForAll = 1232

func TestAttachAtMostOnceADelay(t *testing.T) {
	r := newRig(t, Config{})
	r.now = 1000 * millisecond
	require.Empty(t, r.send(sessionA, 100, roomForAll), "nothing has been received")
	r.receive(sessionA, 0, 0, ping)
	require.Len(t, r.send(sessionA, 100, roomForAll), 1, "none was sent for long")
	for counter := uint64(1); counter <= 100; counter++ {
		r.now += millisecond
		r.receive(sessionA, 0, counter, ping)
		acks := r.send(sessionA, 100, roomForAll)
		if due := counter%20 == 0; !due {
			require.Empty(t, acks, "%d ms later", counter%20)
		} else {
			require.Len(t, acks, 1)
			require.Equal(t, counter, acks[0].Largest)
		}
	}
}

func TestAttachAtOnceAfterManyPackets(t *testing.T) {
	r := newRig(t, Config{})
	r.now = 1000 * millisecond
	r.receive(sessionA, 0, 0, ping)
	require.Len(t, r.send(sessionA, 1, roomForAll), 1)
	for counter := uint64(1); counter <= 600; counter++ {
		r.receive(sessionA, 0, counter, ping)
		require.Equal(t, counter%DefaultEvery == 0, len(r.send(sessionA, 1, roomForAll)) == 1, "packet %d", counter)
	}
}

// An empty packet carries any acknowledgement that is not sent yet. Packets that are not
// ack-eliciting never cause one.
func TestAttachToEmptyPacket(t *testing.T) {
	r := newRig(t, Config{})
	r.receive(sessionA, 0, 0, ping)
	require.Empty(t, r.send(sessionA, 1, roomForAll), "too early for company")
	require.Len(t, r.send(sessionA, 0, roomForAll), 1)
	require.Empty(t, r.send(sessionA, 0, roomForAll), "nothing is owed any more")
	for counter := range uint64(1000) {
		r.sent(sessionA, 0, 1)
		r.receive(sessionA, 0, counter+1, ack(0, counter, 0))
	}
	require.Empty(t, r.send(sessionA, 0, roomForAll))
	_, ok := r.stage.Deadline(sessionA)
	require.False(t, ok)
}

// A close frame is the last of a session, so its packet carries all acknowledgements.
func TestAttachToClose(t *testing.T) {
	r := newRig(t, Config{})
	r.receive(sessionA, 0, 0, ping)
	r.out.Reset(append(make([]byte, wire.HeaderSize, roomForAll), closing...), r.out.Addr, r.now)
	r.out.Session = sessionA
	require.Equal(t, pipeline.Accept, r.attach.Process(&r.out))
	var f wire.Frame
	require.Positive(t, f.Parse(r.out.Data[wire.HeaderSize+len(closing):]))
	require.Equal(t, wire.FrameAck, f.Type)
}

// A session that no longer delivers acknowledges nothing, not even with its close
// frame.
func TestSilence(t *testing.T) {
	r := newRig(t, Config{})
	r.receive(sessionA, 0, 0, ping)
	r.stage.Silence(sessionA)
	r.stage.Silence(pipeline.MakeID(77, 1)) // unknown session
	r.out.Reset(append(make([]byte, wire.HeaderSize, roomForAll), closing...), r.out.Addr, r.now)
	r.out.Session = sessionA
	require.Equal(t, pipeline.Accept, r.attach.Process(&r.out))
	require.Len(t, r.out.Data, wire.HeaderSize+len(closing))
}

func TestAttachNeedsRoom(t *testing.T) {
	r := newRig(t, Config{})
	r.now = 1000 * millisecond
	for counter := range uint64(20) {
		r.receive(sessionA, 0, 3*counter, ping)
	}
	size := 21 + (3*19+7)/8
	full := wire.HeaderSize + 100 + size + wire.TagSize
	require.Empty(t, r.send(sessionA, 100, full-1))
	require.Len(t, r.send(sessionA, 100, full), 1, "acknowledgements without room are still owed")
	require.Len(t, r.out.Data, full-wire.TagSize)
}

func TestDeadline(t *testing.T) {
	r := newRig(t, Config{Every: 3})
	start := 1000 * millisecond
	deadline := func() pipeline.Time {
		at, ok := r.stage.Deadline(sessionA)
		require.True(t, ok)
		return at - start
	}
	r.now = start
	r.receive(sessionA, 0, 0, ping)
	r.now += millisecond
	r.receive(sessionA, 0, 1, ping)
	require.Equal(t, pipeline.Time(DefaultDelay), deadline(), "from the first on")
	r.receive(sessionA, 0, 2, ping)
	require.Zero(t, deadline(), "as many as may wait")
	require.Len(t, r.send(sessionA, 0, roomForAll), 1)

	start = r.now
	r.receive(sessionA, 0, 3, reliable(1, 1, 1, "behind a gap"))
	require.Equal(t, pipeline.Time(DefaultGapDelay), deadline())
	r.receive(sessionA, 0, 4, reliable(1, 0, 0, "the gap"))
	require.Equal(t, pipeline.Time(DefaultDelay), deadline())

	r.now += pipeline.Time(DefaultDelay)
	require.Len(t, r.send(sessionA, 100, roomForAll), 1)
	r.receive(sessionA, 0, 5, reliable(1, 3, 1, "another"))
	require.Empty(t, r.send(sessionA, 100, roomForAll))
	r.now += pipeline.Time(DefaultGapDelay)
	require.Len(t, r.send(sessionA, 100, roomForAll), 1, "a gap is reported soon")
	r.now += pipeline.Time(DefaultGapDelay)
	r.receive(sessionA, 0, 6, reliable(1, 4, 1, "more"))
	require.Len(t, r.send(sessionA, 100, roomForAll), 1, "and again")
}

func TestDeadlineIsTheEarliestOfAllEpochs(t *testing.T) {
	for _, first := range []uint32{0, 1} {
		r := newRig(t, Config{})
		r.chain.OpenEpoch(pipeline.EpochNotice{Session: sessionA, Epoch: epochOf(sessionA, 1), Seq: 1})
		r.now = 1000 * millisecond
		r.receive(sessionA, first, 0, ping)
		r.now += millisecond
		r.receive(sessionA, 1-first, 0, ping)
		at, _ := r.stage.Deadline(sessionA)
		require.Equal(t, 1000*millisecond+pipeline.Time(DefaultDelay), at)
	}
}

// Received packets are reported correctly, with the cumulative number, and no
// acknowledgement contradicts an earlier one.
func TestAttachedAcknowledgementsAreAcceptedByTheSender(t *testing.T) {
	r := newRig(t, Config{})
	other := newRig(t, Config{})
	rnd := seed.Rand(t)
	counter := uint64(0)
	for range 2000 {
		for range rnd.IntN(4) {
			other.sent(sessionA, 0, 1)
			if rnd.IntN(5) > 0 {
				r.receive(sessionA, 0, other.tracker(sessionA, 0).Next()-1, ping)
			}
		}
		r.now += pipeline.Time(rnd.Int64N(int64(30 * millisecond)))
		other.now = r.now
		n := rnd.IntN(2) * 50
		if len(r.send(sessionA, n, 300)) > 0 {
			require.Equal(t, pipeline.Accept, other.receive(sessionA, 0, counter, r.out.Data[wire.HeaderSize+n:]))
			counter++
		}
	}
	require.Greater(t, counter, uint64(100))
	require.Empty(t, other.drops())
}

func TestAttachWithoutSession(t *testing.T) {
	r := newRig(t, Config{})
	require.Empty(t, r.send(sessionB, 0, roomForAll))
}

// Warm fetches state of any session and epoch, known or not, with any number of packets
// sent, and changes nothing.
func TestWarm(t *testing.T) {
	r := newRig(t, Config{})
	for sent := range 40 {
		for _, session := range []pipeline.ID{sessionA, sessionB} {
			for epoch := range uint32(2) {
				before, due := r.stage.Deadline(sessionA)
				r.attach.Warm(session, epochOf(session, epoch), 1)
				r.stage.Warm(session, epochOf(session, epoch), 1)
				after, still := r.stage.Deadline(sessionA)
				require.Equal(t, before, after)
				require.Equal(t, due, still)
				require.EqualValues(t, sent, r.tracker(sessionA, 0).Next())
			}
		}
		r.sent(sessionA, 0, 1)
	}
}
