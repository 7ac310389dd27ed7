package ack

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

var (
	padding   = []byte{byte(wire.FramePadding)}
	ping      = wire.AppendPing(nil)
	closing   = wire.AppendClose(nil, wire.CloseNormal)
	challenge = wire.AppendPath(nil, wire.FramePathChallenge, [8]byte{1})
	rekey     = wire.AppendRekey(nil, wire.RekeyInit, []byte("noise"))
)

// An invalid packet has no effect, whatever else it contains.
func TestInvalidPacketsHaveNoEffect(t *testing.T) {
	good := frames(ack(0, 5, 1), realtime(1, "x"), closing, reliable(1, 0, 0, "y"), reliable(1, 2, 1, "z"), ping)
	for _, c := range []struct {
		name   string
		frames []byte
		want   pipeline.Verdict
	}{
		{"nothing", nil, DropMalformed},
		{"garbage", []byte{200}, DropMalformed},
		{"garbage behind", frames(good, []byte{200}), DropMalformed},
		{"cut off", good[:len(good)-2], DropMalformed},
		{"a counter never sent", frames(good, ack(0, 20, 0)), DropUnsent},
		{"a jump of 2^63", frames(good, ack(0, 1<<63, 0)), DropUnsent},
		{"a Reliable message never sent", frames(good, ack(0, 5, 4)), DropUnsent},
		{"the same, for a dead epoch", frames(good, ack(9, 5, 4)), DropUnsent},
		{"skipped", frames(good, ack(0, 10, 0)), DropSkipped},
		{"skipped, in the bitmap", frames(good, ack(0, 11, 0, 1)), DropSkipped},
		{"backwards", frames(good, ack(0, 3, 0)), DropBackwards},
		{"four acknowledgements", frames(good, ack(0, 5, 1), ack(1, 5, 1), ack(9, 5, 1)), DropExcess},
	} {
		r := newRig(t, Config{})
		r.sent(sessionA, 0, 10)
		r.tracker(sessionA, 0).Skip(new(Outcome))
		r.sent(sessionA, 0, 9)
		r.stage.SetReliableSent(sessionA, 3)
		require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 0, ack(0, 4, 0)))
		tracker, history, session := *r.tracker(sessionA, 0), *r.history(sessionA, 0), *r.stage.sessions.Get(sessionA)
		r.outcomes = nil

		require.Equal(t, c.want, r.receive(sessionA, 0, 1, c.frames), c.name)
		require.True(t, r.p.Struck(), c.name)
		require.Equal(t, tracker, *r.tracker(sessionA, 0), c.name)
		require.Equal(t, history, *r.history(sessionA, 0), c.name)
		require.Equal(t, session, *r.stage.sessions.Get(sessionA), c.name)
		require.Empty(t, r.messages, c.name)
		require.Empty(t, r.control, c.name)
		require.Empty(t, r.outcomes, c.name)
		require.Equal(t, map[string]uint64{r.stage.Reasons()[c.want-pipeline.DropFirst]: 1}, r.drops(), c.name)

		require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 2, good), "the next good packet passes")
		require.False(t, r.p.Struck())
		require.Len(t, r.messages, 2)
	}
}

func TestDropsWithoutStrike(t *testing.T) {
	r := newRig(t, Config{})
	require.Equal(t, DropNoSession, r.receive(sessionB, 0, 0, ping))
	require.Equal(t, DropNoSession, r.receive(sessionA, 1, 0, ping), "an epoch that is not live")
	r.open(sessionB, 0)
	r.p.Session = sessionB
	r.chain.CloseEpoch(pipeline.EpochNotice{Session: sessionB, Epoch: epochOf(sessionB, 0)})
	require.Equal(t, DropNoSession, r.receive(sessionB, 0, 0, ping))
	r.forged = true
	require.Equal(t, DropUnopened, r.receive(sessionA, 0, 0, ping))
	require.False(t, r.p.Struck())
	require.Equal(t, map[string]uint64{"no_session": 3, "unopened": 1}, r.drops())
}

func TestMessagesAndControlFramesOfAPacket(t *testing.T) {
	r := newRig(t, Config{})
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 0, frames(
		padding, realtime(1, "a"), ping, wire.AppendMessage(nil, wire.FrameLatest, 70_000, nil), closing,
		reliable(3, 0, 0, "c"), challenge, padding, reliable(3, 1, 1, "d"), rekey, realtime(1<<32-1, strings.Repeat("e", 100)), padding,
	)))
	require.Equal(t, []string{
		"realtime 1 a", "latest 70000 ", "reliable 3 c", "reliable 3 d", "realtime 4294967295 " + strings.Repeat("e", 100),
	}, r.take())
	require.Equal(t, []wire.FrameType{wire.FrameClose, wire.FramePathChallenge, wire.FrameRekey}, r.control)
	require.Empty(t, r.drops())

	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 1, padding))
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 2, closing))
	n, _ := r.history(sessionA, 0).Pending()
	require.Equal(t, 1, n, "only the first elicits an acknowledgement")
	require.EqualValues(t, 2, r.history(sessionA, 0).largest, "but all are in it")
}

func TestReliableIsHeldAndReleased(t *testing.T) {
	r := newRig(t, Config{})
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 0, frames(reliable(1, 3, 2, "third"), reliable(2, 4, 0, "other"))))
	require.Equal(t, []string{"reliable 2 other"}, r.take(), "channels do not wait for each other")
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 1, frames(reliable(1, 3, 2, "third"), reliable(1, 1, 1, "second"))))
	require.Empty(t, r.take())
	require.Equal(t, 2*bufferUnit, r.stage.HeldBytes())
	require.Equal(t, 2*bufferUnit, r.stage.SessionHeldBytes(sessionA))

	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 2, frames(
		realtime(9, "before"), reliable(1, 0, 0, "first"), realtime(9, "behind"), reliable(1, 5, 2, "fourth"), reliable(2, 2, 0, "gap"))))
	require.Equal(t, []string{
		"realtime 9 before", "reliable 1 first", "reliable 1 second", "reliable 1 third", "realtime 9 behind",
		"reliable 1 fourth", "reliable 2 gap",
	}, r.take())
	require.Zero(t, r.stage.HeldBytes())
	require.Zero(t, r.stage.SessionHeldBytes(sessionA))
	require.Equal(t, map[string]uint64{"duplicate": 1}, r.drops())
	acks := r.send(sessionA, 0, 1000)
	require.Len(t, acks, 1)
	require.EqualValues(t, 6, acks[0].Reliable)
}

func TestReliableViolationsCostOneMessage(t *testing.T) {
	r := newRig(t, Config{})
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 0, frames(reliable(1, wire.ReliableWindow, 0, "w"), realtime(1, "a"))))
	require.True(t, r.p.Struck())
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 1, frames(reliable(1, 3, 2, "x"), reliable(1, 2, 1, "y"), realtime(1, "b"))))
	require.True(t, r.p.Struck())
	require.Equal(t, []string{"realtime 1 a", "realtime 1 b"}, r.take())
	require.Equal(t, map[string]uint64{"window": 1, "distance": 1}, r.drops())
}

// A message that a user's stage drops counts as received: it is not sent again.
func TestMessageDroppedByAUserIsAcknowledged(t *testing.T) {
	for name, fence := range map[string]func(*pipeline.Packet) pipeline.Verdict{
		"drops":    func(*pipeline.Packet) pipeline.Verdict { return pipeline.DropFirst },
		"consumes": func(*pipeline.Packet) pipeline.Verdict { return pipeline.Consumed },
	} {
		r := newRig(t, Config{}, pipeline.Func("fence", []string{"outside"}, fence))
		require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 0, frames(reliable(1, 1, 1, "b"), realtime(1, "a"))), name)
		require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 1, reliable(1, 0, 0, "a")), name)
		r.drops()
		acks := r.send(sessionA, 0, 1000)
		require.Equal(t, []wire.Ack{{Largest: 1, Reliable: 2, Bitmap: wire.AckBitmap{1}}}, acks, name)
	}
}

// A stage that writes beyond its message destroys the frames after it. They are
// lost and not acknowledged, and processing continues.
func TestMessageStageThatWritesBeyondItsMessage(t *testing.T) {
	vandal := pipeline.Func("vandal", nil, func(p *pipeline.Packet) pipeline.Verdict {
		clear(p.Data[len(p.Data)-10:])
		p.Data[len(p.Data)-10] = 0xff
		return pipeline.Accept
	})
	r := newRig(t, Config{}, vandal)
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 0, frames(realtime(1, "a"), realtime(2, "seven b"))))
	require.Equal(t, []string{"realtime 1 a"}, r.take())
	require.Equal(t, map[string]uint64{"malformed": 1}, r.drops())
	n, _ := r.history(sessionA, 0).Pending()
	require.Zero(t, n)
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 1, ping))
}

func TestReceiverFullIsNotAcknowledged(t *testing.T) {
	r := newRig(t, Config{})
	r.full = true
	packet := frames(realtime(1, "now"), reliable(1, 0, 0, "a"), reliable(1, 1, 1, "b"))
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 0, packet))
	require.Equal(t, []string{"realtime 1 now"}, r.take(), "the others do not suffer")
	require.Equal(t, map[string]uint64{"receiver_full": 1}, r.drops())
	require.False(t, r.history(sessionA, 0).any)
	require.Zero(t, r.stage.sessions.Get(sessionA).reorder.Cumulative())
	require.False(t, r.p.Struck())

	r.full = false
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 1, packet))
	require.Equal(t, []string{"realtime 1 now", "reliable 1 a", "reliable 1 b"}, r.take())
	require.Len(t, r.send(sessionA, 0, 1000), 1)
}

// Threat 15: held messages are bounded in bytes of memory, for each session and
// for all. Messages without room are sent again.
func TestHeldFull(t *testing.T) {
	r := newRig(t, Config{HeldBytes: 4 * bufferUnit, HeldBytesTotal: 5 * bufferUnit})
	r.open(sessionB, 0)
	counter := uint64(0)
	offer := func(session pipeline.ID, seq uint64, payload string) (acknowledged bool) {
		before := *r.history(session, 0)
		counter++
		require.Equal(t, pipeline.Accept, r.receive(session, 0, counter, reliable(1, seq, uint16(min(seq, 1)), payload)))
		require.Equal(t, r.stage.SessionHeldBytes(sessionA)+r.stage.SessionHeldBytes(sessionB), r.stage.HeldBytes())
		require.Equal(t, r.p.Unacknowledged(), before == *r.history(session, 0))
		return !r.p.Unacknowledged()
	}
	require.True(t, offer(sessionA, 1, ""), "an empty payload takes a unit too")
	require.True(t, offer(sessionA, 2, strings.Repeat("x", bufferUnit-heldOverhead)))
	require.False(t, offer(sessionA, 3, strings.Repeat("x", 2*bufferUnit-heldOverhead+1)))
	require.True(t, offer(sessionA, 3, strings.Repeat("x", 2*bufferUnit-heldOverhead)))
	require.False(t, offer(sessionA, 4, ""), "the session's share is used up")
	require.True(t, offer(sessionB, 1, "x"))
	require.False(t, offer(sessionB, 2, "x"), "so is that of all")
	require.Equal(t, 5*bufferUnit, r.stage.HeldBytes())
	require.Equal(t, map[string]uint64{"held_full": 3}, r.drops())

	require.True(t, offer(sessionA, 0, ""))
	require.Len(t, r.take(), 4)
	require.True(t, offer(sessionA, 4, "now in order"))
	require.Equal(t, bufferUnit, r.stage.HeldBytes())
}

func TestClosedSessionDropsHeldMessages(t *testing.T) {
	r := newRig(t, Config{})
	r.open(sessionB, 0)
	for seq := uint64(1); seq < 10; seq++ {
		r.receive(sessionA, 0, seq, reliable(1, seq, 1, "held"))
		r.receive(sessionB, 0, seq, reliable(1, seq, 1, "held"))
	}
	r.stage.Release(r.chain, sessionA)
	require.Equal(t, map[string]uint64{"closed": 9}, r.drops())
	r.stage.Release(r.chain, sessionA)
	r.stage.Release(r.chain, pipeline.MakeID(7, 7))
	r.chain.CloseSession(pipeline.SessionNotice{Session: sessionA})
	require.Equal(t, map[string]uint64{"closed": 9}, r.drops())
	require.Equal(t, 9*bufferUnit, r.stage.HeldBytes(), "the other session keeps its own")

	r.chain.CloseSession(pipeline.SessionNotice{Session: sessionB})
	require.Zero(t, r.stage.HeldBytes())
	require.Equal(t, DropNoSession, r.receive(sessionB, 0, 20, ping))
	require.Zero(t, r.stage.SessionHeldBytes(sessionB))
	require.Nil(t, r.stage.Tracker(sessionB, epochOf(sessionB, 0)))
	require.Zero(t, r.stage.RTT(sessionB))
	_, ok := r.stage.Deadline(sessionB)
	require.False(t, ok)
}

// A handler, or the effect of a control frame, may close the session while its
// packet is processed.
func TestSessionClosedWhileItsPacketIsProcessed(t *testing.T) {
	packet := frames(closing, realtime(1, "a"), reliable(1, 0, 0, "b"), reliable(1, 2, 1, "c"), ack(0, 0, 0))
	for name, set := range map[string]func(*rig){
		"by a handler":       func(r *rig) { r.onGiven = r.closeA },
		"by a control frame": func(r *rig) { r.onAck = r.closeA },
	} {
		r := newRig(t, Config{})
		r.sent(sessionA, 0, 1)
		r.receive(sessionA, 0, 0, reliable(1, 1, 1, "held"))
		set(r)
		require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 1, packet), name)
		require.LessOrEqual(t, len(r.take()), 1, name)
		require.Zero(t, r.stage.HeldBytes(), name)
		r.drops()
	}
}

func (r *rig) closeA() {
	r.stage.Release(r.chain, sessionA)
	r.chain.CloseSession(pipeline.SessionNotice{Session: sessionA})
}

func TestAcknowledgementsFeedTrackerAndRTT(t *testing.T) {
	r := newRig(t, Config{})
	r.stage.SetReliableSent(sessionA, 10)
	r.sent(sessionA, 0, 8)
	r.now += 100 * millisecond
	delayed := wire.Ack{Largest: 7, Reliable: 4, Delay: uint16(30 * time.Millisecond / wire.AckDelayUnit), Bitmap: wire.AckBitmap{0b1001}}
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 0, wire.AppendAck(nil, &delayed)))
	require.Equal(t, []Outcome{{
		Acked: 3, AckedMessages: 3, Lost: 4, LostMessages: 4, Reliable: 4, Sample: 100 * time.Millisecond, HasSample: true, Delay: 30 * time.Millisecond,
	}}, r.outcomes)
	require.Equal(t, 70*time.Millisecond, r.stage.RTT(sessionA).Smoothed, "less what the peer waited")

	r.sent(sessionA, 0, 1)
	r.now += 140 * millisecond
	delayed.Largest, delayed.Bitmap = 8, wire.AckBitmap{}
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 1, wire.AppendAck(nil, &delayed)))
	require.Equal(t, (7*70+110)*time.Millisecond/8, r.stage.RTT(sessionA).Smoothed)
}

// Packets overtake each other. A late acknowledgement is ignored and not a
// violation; the messages in the same packet count.
func TestStaleAcknowledgementIsIgnored(t *testing.T) {
	r := newRig(t, Config{})
	r.sent(sessionA, 0, 8)
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 7, ack(0, 6, 0)))
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 6, frames(ack(0, 3, 0), realtime(1, "late"))))
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 8, frames(ack(0, 6, 0), ack(0, 6, 0, 1), ack(9, 1<<60, 0))), "twice, and a dead epoch")
	require.Len(t, r.outcomes, 2)
	require.Equal(t, []string{"realtime 1 late"}, r.take())
	require.Empty(t, r.drops())
}

// The epochs of a session are acknowledged separately. Packets of a later epoch carry
// newer acknowledgements than those of an earlier one.
func TestEpochsAreAcknowledgedSeparately(t *testing.T) {
	r := newRig(t, Config{})
	r.open(sessionB, 255, 256, 257)
	r.open(sessionB, 254, 255, 256, 257) // opened again: empty, and room for three
	for seq := uint32(254); seq < 257; seq++ {
		r.sent(sessionB, seq, 2)
		require.Equal(t, pipeline.Accept, r.receive(sessionB, seq, uint64(seq), ping))
	}
	require.Equal(t, DropNoSession, r.receive(sessionB, 257, 0, ping))
	r.now += pipeline.Time(DefaultDelay)
	acks := r.send(sessionB, 100, 1000)
	require.Len(t, acks, 3)
	for i, a := range acks {
		require.Equal(t, uint8(254+i), a.Epoch)
		require.EqualValues(t, 254+i, a.Largest)
	}
	require.Equal(t, pipeline.Accept, r.receive(sessionB, 256, 0, ack(254, 1, 0)))
	require.Equal(t, pipeline.Accept, r.receive(sessionB, 255, 1<<27, ack(254, 0, 0)), "an older epoch's packet is stale")
	require.True(t, r.tracker(sessionB, 254).Acked(1))
	require.False(t, r.tracker(sessionB, 254).Acked(0))
	require.False(t, r.tracker(sessionB, 255).Acked(1))
	require.Equal(t, pipeline.Accept, r.receive(sessionB, 256, 1, ack(0, 1, 0)))
	require.True(t, r.tracker(sessionB, 256).Acked(1), "named by its low 8 bits")
}

func TestPayloadsStayWithinThePacket(t *testing.T) {
	r := newRig(t, Config{}, pipeline.Func("append", nil, func(p *pipeline.Packet) pipeline.Verdict {
		p.SetPayload(append(p.Payload(), "grown"...))
		return pipeline.Accept
	}))
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 0, frames(realtime(1, "a"), reliable(1, 0, 0, "b"), realtime(1, "c"))))
	require.Equal(t, []string{"realtime 1 agrown", "reliable 1 bgrown", "realtime 1 cgrown"}, r.take())
}

func TestBuild(t *testing.T) {
	s := New(Config{})
	_, err := pipeline.NewInbound(s, opener{}).Build()
	require.ErrorIs(t, err, pipeline.ErrOrder)
	_, err = pipeline.NewInbound(opener{}, s).Remove("ack").Build()
	require.ErrorIs(t, err, pipeline.ErrUnguarded)
	require.ErrorContains(t, err, "false acknowledgements")
	_, err = pipeline.NewInbound(opener{}, s).Build()
	require.NoError(t, err)
}

func TestReasonsMatchTheConstants(t *testing.T) {
	names := new(Stage).Reasons()
	for name, v := range map[string]pipeline.Verdict{
		"unopened": DropUnopened, "no_session": DropNoSession, "malformed": DropMalformed, "unsent": DropUnsent,
		"skipped": DropSkipped, "backwards": DropBackwards, "excess": DropExcess, "duplicate": DropDuplicate,
		"window": DropWindow, "distance": DropDistance, "held_full": DropHeldFull, "receiver_full": DropReceiverFull,
		"closed": DropClosed, "fragment": DropFragment, "superseded": DropSuperseded, "expired": DropExpired,
		"fragments_full": DropFragmentsFull,
	} {
		require.Equal(t, name, names[v-pipeline.DropFirst])
	}
	require.Len(t, names, 17)
	require.Empty(t, NewAttach(New(Config{})).Reasons())
	require.Equal(t, "ack", NewAttach(nil).Name())
}

// Two sides exchange data with acknowledgements, and lose some of it.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	r := newRig(t, Config{})
	r.stage.cfg.Acked = func(*pipeline.Packet, *Outcome) {}
	r.stage.cfg.Control = func(*pipeline.Packet, *wire.Frame) {}
	quiet, err := pipeline.NewInbound(opener{r}, r.stage).Build()
	require.NoError(t, err)
	r.chain = quiet
	var a wire.Ack
	var o Outcome
	seq, counter := uint64(0), uint64(0)
	payload := bytes.Repeat([]byte("p"), 128)
	body, out := make([]byte, 0, 1500), make([]byte, 0, 1500)
	tracker := r.tracker(sessionA, 0)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		for _, i := range []uint64{2, 0, 1, 0} { // out of order, and a duplicate
			r.now += 10 * millisecond
			tracker.Sent(r.now, 1, 0, true, &o)
			a = wire.Ack{Largest: tracker.Next() - 1}
			body = append(body[:0], make([]byte, wire.HeaderSize)...)
			body = wire.AppendAck(body, &a)
			body = wire.AppendMessage(body, wire.FrameLatest, 1, payload)
			body = wire.AppendReliable(body, 1, seq+i, uint16(i), payload)
			r.p.Reset(body, r.p.Addr, r.now)
			r.p.Session, r.p.Epoch, r.p.Counter = sessionA, epochOf(sessionA, 0), counter
			counter++
			if v := r.chain.Process(&r.p); v != pipeline.Accept {
				t.Fatalf("verdict %d", v)
			}
			r.out.Reset(append(out[:0], make([]byte, wire.HeaderSize+100)...), r.p.Addr, r.now)
			r.out.Session = sessionA
			r.attach.Process(&r.out)
		}
		seq += 3
	}))
	require.Equal(t, seq, r.stage.sessions.Get(sessionA).reorder.Cumulative())
	require.NotZero(t, r.stage.RTT(sessionA).Latest)
	require.Equal(t, map[string]uint64{"duplicate": seq / 3}, r.drops())
}

func BenchmarkProcess(b *testing.B) {
	for _, n := range []int{1, 9} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			r := newRig(b, Config{})
			chain, _ := pipeline.NewInbound(opener{r}, r.stage).Build()
			body := make([]byte, wire.HeaderSize)
			for range n {
				body = wire.AppendMessage(body, wire.FrameRealtime, 1, make([]byte, 128))
			}
			for i := 0; b.Loop(); i++ {
				r.p.Reset(body, r.p.Addr, r.now)
				r.p.Session, r.p.Epoch, r.p.Counter = sessionA, epochOf(sessionA, 0), uint64(i)
				chain.Process(&r.p)
			}
		})
	}
}
