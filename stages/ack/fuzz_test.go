package ack

import (
	"bytes"
	"math"
	"net/netip"
	"testing"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

// FuzzTracker is a peer that acknowledges any counters (threat 12). Check changes
// nothing and accepts only counters that were sent and not skipped; each ack-eliciting
// packet is counted as acknowledged or lost exactly once.
func FuzzTracker(f *testing.F) {
	f.Add(uint64(0), []byte("\x05\x00\x00\x09\x02\xff\x05\x01\x00\x09\x00\x0f"))
	f.Add(uint64(1<<63), []byte("\x85\x00\x00\x85\x00\x00\x09\x00\xff\x0a\x00\xff\x0b\x00\xff"))
	f.Add(uint64(math.MaxUint64-1<<22), []byte("\xfd\xff\x00\xfd\xff\x00\x09\x40\x01\x0c\x00\x00"))
	f.Fuzz(func(t *testing.T, first uint64, ops []byte) {
		p := newTrackerPair(t, min(first, math.MaxUint64-1<<22))
		for i, op := range ops[:min(len(ops), 600)] {
			if i%3 != 0 || len(ops) < i+3 {
				continue
			}
			a, b := ops[i+1], ops[i+2]
			switch op % 4 {
			case 0:
				p.send(pipeline.Time(i), 0, sentSkipped, false)
			case 1, 2:
				for range 1 + int(op/4)*int(a)/16 {
					p.send(pipeline.Time(i), int(b), sentInFlight, op%4 == 1)
				}
			case 3:
				ack := wire.Ack{Largest: p.m.next - 1 - uint64(a)<<(op>>5) + uint64(op>>2%2)}
				for i := range ack.Bitmap {
					ack.Bitmap[i] = uint64(b) * 0x0101_0101_0101_0101 << (i % 8)
				}
				p.ack(&ack, 10+uint64(i)-uint64(op>>3%4), pipeline.Time(i))
			}
		}
		p.compare()
	})
}

// FuzzStage is an authenticated peer that sends any bytes, in two sessions and two
// epochs. Nothing panics, packets and messages are conserved, held messages stay within
// their bound, and the stage reads and writes only within the packet.
func FuzzStage(f *testing.F) {
	packet := func(control, counter byte, frames []byte) []byte {
		return append([]byte{control, counter, byte(len(frames))}, frames...)
	}
	f.Add(packet(0, 1, frames(ack(0, 5, 1), realtime(1, "a"), reliable(1, 0, 0, "b"), closing, ping, padding)))
	f.Add(frames(packet(0, 1, reliable(1, 1, 1, "held")), packet(0, 2, reliable(1, 2, 1, "held")), packet(0, 3, reliable(1, 0, 0, "go"))))
	f.Add(frames(packet(0, 1, reliable(1, 3, 3, "a")), packet(1, 1, reliable(1, 3, 3, "b")), packet(4, 1, ack(0, 7, 0)), packet(16, 0, ping)))
	f.Add(frames(packet(8, 1, reliable(1, 0, 0, "full")), packet(2, 1, frames(challenge, rekey)), packet(32, 1, realtime(9, ""))))
	f.Add(frames(packet(0, 9, ack(0, 9, 0)), packet(0, 8, ack(0, 8, 3, 7)), packet(0, 10, ack(0, 10, 0)), packet(0, 11, ack(1, 3, 9))))
	f.Add(packet(0, 1, frames(stateFragment(wire.FrameLatest, 7, 0, textA, 0, 64), stateFragment(wire.FrameLatest, 7, 0, textA, 64, 65))))
	f.Add(frames(packet(0, 1, reliableFragment(7, 1, 1, textA, 64, 65)), packet(0, 2, reliableFragment(7, 0, 0, textA, 0, 64))))
	f.Fuzz(func(t *testing.T, input []byte) {
		r := newRig(t, Config{HeldBytes: 6 * bufferUnit, HeldBytesTotal: 8 * bufferUnit, FragmentBytes: 12 << 10, FragmentBytesTotal: 16 << 10})
		r.open(sessionB)
		r.stage.SetCapabilities(sessionA, wire.CapFragments)
		r.stage.SetCapabilities(sessionB, wire.CapFragments)
		for _, session := range []pipeline.ID{sessionA, sessionB} {
			for seq := uint32(0); seq < 2; seq++ {
				r.chain.CloseEpoch(pipeline.EpochNotice{Session: session, Epoch: epochOf(session, seq), Seq: seq})
				r.chain.OpenEpoch(pipeline.EpochNotice{Session: session, Epoch: epochOf(session, seq), Seq: seq})
				r.sent(session, seq, 9)
				r.tracker(session, seq).Skip(new(Outcome))
				r.sent(session, seq, 3)
			}
			r.stage.SetReliableSent(session, 4)
		}
		const margin = 64
		for len(input) >= 3 {
			control, counter := input[0], uint64(input[1])
			n := min(int(input[2]), len(input)-3)
			arena := bytes.Repeat([]byte{0xa5}, margin+wire.HeaderSize+n+margin)
			data := arena[margin : margin+wire.HeaderSize+n]
			copy(data[wire.HeaderSize:], input[3:3+n])
			input = input[3+n:]
			r.step(t, data, control, counter)
			for _, outside := range [][]byte{arena[:margin], arena[len(arena)-margin:]} {
				require.Equal(t, bytes.Repeat([]byte{0xa5}, margin), outside)
			}
		}
		r.stage.Release(r.chain, sessionA)
		r.chain.CloseSession(pipeline.SessionNotice{Session: sessionA})
		r.stage.Release(r.chain, sessionB)
		r.chain.CloseSession(pipeline.SessionNotice{Session: sessionB})
		require.Zero(t, r.stage.HeldBytes()+r.stage.FragmentBytes())
		r.drops()
	})
}

func (r *rig) step(t *testing.T, data []byte, control byte, counter uint64) {
	session := []pipeline.ID{sessionA, sessionB}[control%2]
	epoch := uint32(control >> 1 % 2)
	r.forged, r.full = control>>2%2 == 1, control>>3%2 == 1
	if control>>4%8 == 7 {
		r.closeA()
	}
	r.now += pipeline.Time(control) * millisecond
	r.p.Reset(data, netip.AddrPort{}, r.now)
	r.p.Session, r.p.Epoch, r.p.EpochSeq, r.p.Counter = session, epochOf(session, epoch), epoch, counter<<(counter%57)
	before := bytes.Clone(data)

	switch v := r.chain.Process(&r.p); {
	case v == pipeline.Accept:
	case v.Dropped():
		require.LessOrEqual(t, v, DropExcess)
		require.Equal(t, v >= DropMalformed, r.p.Struck())
	default:
		t.Fatalf("verdict %d", v)
	}
	require.Equal(t, before, data)
	require.LessOrEqual(t, r.stage.SessionHeldBytes(session), 6*bufferUnit)
	require.LessOrEqual(t, r.stage.HeldBytes(), 8*bufferUnit)
	require.Equal(t, r.stage.SessionHeldBytes(sessionA)+r.stage.SessionHeldBytes(sessionB), r.stage.HeldBytes())
	require.LessOrEqual(t, r.stage.FragmentBytes(), 16<<10)
	require.Nil(t, r.stage.borrowed)
	require.Nil(t, r.stage.whole)
	if control>>5 == 6 {
		r.now += pipeline.Time(control) * 40 * millisecond
		r.stage.Expire(r.now, func(pipeline.ID) {})
	}
	r.send(session, int(control%3)*7, 400)
	r.drops()
}

// sending is the stage in sessions that have sent packets, so that the peer can
// acknowledge some.
type sending struct{ *Stage }

func (s sending) EpochOpened(n pipeline.EpochNotice) {
	s.Stage.EpochOpened(n)
	s.SetReliableSent(n.Session, 8)
	if t := s.Tracker(n.Session, n.Epoch); t != nil {
		for range 20 {
			t.Sent(0, 1, 0, true, &s.outcome)
		}
		t.Skip(&s.outcome)
		t.Sent(0, 1, 0, true, &s.outcome)
	}
}

// fragmenting is the stage in sessions whose peers send fragments.
type fragmenting struct{ *Stage }

func (s fragmenting) SessionOpened(n pipeline.SessionNotice) {
	s.Stage.SessionOpened(n)
	s.SetCapabilities(n.Session, wire.CapFragments)
}

// FuzzFragmentLaws holds the stage to the laws of package fuzz, with fragments.
func FuzzFragmentLaws(f *testing.F) {
	cfg := Config{HeldBytes: 6 * bufferUnit, HeldBytesTotal: 8 * bufferUnit, FragmentBytes: 12 << 10, FragmentBytesTotal: 16 << 10}
	fuzz.Stage(f, func() fragmenting { return fragmenting{New(cfg)} }, fuzz.Seed(
		frames(stateFragment(wire.FrameLatest, 7, 0, textA, 0, 64), stateFragment(wire.FrameLatest, 7, 0, textA, 64, 65)),
		reliableFragment(7, 1, 1, textA, 64, 65), reliableFragment(7, 0, 0, textA, 0, 64),
	))
}

// FuzzStageLaws holds the stage to the laws of package fuzz.
func FuzzStageLaws(f *testing.F) {
	room := func(p *pipeline.Packet) bool { return p.Channel != 7 }
	cfg := Config{HeldBytes: 6 * bufferUnit, HeldBytesTotal: 8 * bufferUnit, Room: room}
	fuzz.Stage(f, func() sending { return sending{New(cfg)} }, fuzz.AllocFree(), fuzz.Seed(
		frames(reliable(1, 2, 1, "held"), reliable(1, 1, 1, "held"), reliable(1, 0, 0, "go"), reliable(7, 3, 0, "no room")),
		frames(ack(0, 7, 3, 0x7f), challenge, rekey), ack(0, 20, 0), ack(1, 21, 9),
	))
}

// attaching is Attach in sessions of a stage that owes acknowledgements.
type attaching struct{ *Attach }

func (a attaching) SessionOpened(n pipeline.SessionNotice) { a.stage.SessionOpened(n) }
func (a attaching) SessionClosed(n pipeline.SessionNotice) { a.stage.SessionClosed(n) }
func (a attaching) EpochClosed(n pipeline.EpochNotice)     { a.stage.EpochClosed(n) }
func (a attaching) EpochOpened(n pipeline.EpochNotice) {
	a.stage.EpochOpened(n)
	if s := a.stage.sessions.Get(n.Session); s != nil {
		for _, counter := range []uint64{0, 1, 3, 70, 200} {
			s.byID(n.Epoch).history.Record(counter, 0, true)
		}
	}
}

// FuzzAttachLaws holds Attach to the laws of package fuzz.
func FuzzAttachLaws(f *testing.F) {
	fuzz.Stage(f, func() attaching { return attaching{NewAttach(New(Config{}))} }, fuzz.At(fuzz.OutPackets), fuzz.AllocFree())
}
