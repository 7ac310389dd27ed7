package interop_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	ackstage "github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/stages/aead"
	"github.com/intentra/intentra/wire"
)

// session is a session with two live epochs between our chains and the other end,
// which is implemented from the document. The document's receiver also receives
// what our inbound chain does, as an oracle.
type session struct {
	t            *testing.T
	suite        byte
	now          pipeline.Time
	in           *pipeline.Inbound
	out          *pipeline.Outbound
	acks         *ackstage.Stage
	p, o         pipeline.Packet
	buf          []byte
	heard        heard // the result of our inbound chain for the current packet
	lane         uint64
	lastOn       map[uint32]uint64
	document     *receiver // the oracle for our inbound chain
	talker       [2]*client
	sealed       [][]byte // datagrams of the other end
	arrived      map[place]pipeline.Time
	acknowledged map[place]bool // acknowledged by one of our ACKs
}

const maxPacket = 20_000

var (
	sessionID = pipeline.MakeID(3, 7)
	epochIDs  = []pipeline.ID{pipeline.MakeID(4, 1), pipeline.MakeID(2, 255)}
	somewhere = netip.MustParseAddrPort("192.0.2.1:7000")
)

func newSession(t *testing.T, suite byte) *session {
	s := &session{
		t: t, suite: suite, now: 1 << 40, buf: make([]byte, 0, maxPacket), lastOn: map[uint32]uint64{},
		document: newReceiver(suite), arrived: map[place]pipeline.Time{}, acknowledged: map[place]bool{},
	}
	cfg := stages.Config{}
	cfg.Cookie.Rand = rand.NewChaCha8([32]byte{1})
	cfg.RateLimit.TableSize = 16
	cfg.RateLimit.MessageRate, cfg.RateLimit.ByteRate = 1<<30, 1<<30 // not what the oracle is about
	cfg.Ack.Control = func(_ *pipeline.Packet, f *wire.Frame) {
		s.heard.control = append(s.heard.control, documented(f))
	}
	cfg.Ack.Acked = func(_ *pipeline.Packet, o *ackstage.Outcome) {
		s.heard.acks = append(s.heard.acks, *o)
	}
	cfg.Dispatch.Deliver = func(p *pipeline.Packet) bool {
		f := frame{kind: byte(p.Intent), channel: p.Channel, payload: bytes.Clone(p.Payload())}
		s.heard.messages = append(s.heard.messages, f)
		return true
	}
	set, err := stages.Default(cfg)
	require.NoError(t, err)
	s.acks = set.Ack
	s.in, s.out = must(set.Build()), must(set.Outbound.Build())
	fail := func(stage string, value any) { t.Errorf("panic in %s: %v", stage, value) }
	s.in.OnPanic(fail)
	s.out.OnPanic(fail)
	s.in.OpenPeer(pipeline.PeerNotice{Peer: 1})
	for _, c := range []pipeline.Chain{s.in, s.out} {
		c.OpenSession(pipeline.SessionNotice{Peer: 1, Session: sessionID})
	}
	for seq, id := range epochIDs {
		s.openEpoch(set, uint32(seq), id)
	}
	return s
}

// openEpoch gives both ends the keys of a new epoch.
func (s *session) openEpoch(set *stages.Set, seq uint32, id pipeline.ID) {
	for _, c := range []pipeline.Chain{s.in, s.out} {
		c.OpenEpoch(pipeline.EpochNotice{Peer: 1, Session: sessionID, Epoch: id, Seq: seq})
	}
	index := binary.BigEndian.AppendUint32(nil, uint32(id))
	here, there := bytes.Repeat([]byte{1 + byte(seq)}, 32), bytes.Repeat([]byte{0x81 + byte(seq)}, 32)
	suite := wire.Suite(s.suite)
	set.Open.InstallKey(id, aead.NewKey(suite, must(noise.NewAEAD(suite, [32]byte(there)))))
	set.Seal.InstallKey(id, aead.NewKey(suite, must(noise.NewAEAD(suite, [32]byte(here)))), 0)
	s.talker[seq] = &client{
		suite: s.suite, index: []byte{0xa0, 0xa1, 0xa2, byte(seq)}, remoteIndex: index, epoch: byte(seq),
		seals: newAEAD(s.suite, there), opens: newAEAD(s.suite, here),
	}
	s.document.addEpoch(index, there)
}

// heard is what our inbound chain made of a packet.
type heard struct {
	refused           string
	acks              []ackstage.Outcome
	control, messages []frame
}

// lossAlone reports whether o is of no ACK: packets of an epoch are also lost because
// one of the next epoch has been acknowledged (section 6.4).
func lossAlone(o ackstage.Outcome) bool {
	return o.Lost > 0 && o.Acked == 0 && o.Reliable == 0 && o.Delay == 0 && !o.HasSample
}

// hear passes a datagram to our inbound chain and to the oracle, and compares the
// results.
func (s *session) hear(b []byte) {
	t := s.t
	s.forget()
	want := s.document.take(b)
	s.heard = heard{}
	s.p.Reset(bytes.Clone(b), somewhere, s.now)
	v := s.in.Process(&s.p)
	if v.Dropped() {
		_, s.heard.refused = s.in.LastDrop()
	}
	require.NotEqual(t, pipeline.Consumed, v)
	require.Equal(t, want.violation, s.p.Struck(), "violation: %q, %q", want.refused, s.heard.refused)
	switch want.refused {
	case "header", "malformed":
		// The chain may find another fault of the packet first.
		require.True(t, v.Dropped(), "the document refuses it: %s", want.refused)
		require.Empty(t, append(s.heard.messages, s.heard.control...))
		return
	default:
		require.Equal(t, want.refused, s.heard.refused)
	}
	require.Equal(t, said(want.messages), said(s.heard.messages))
	require.Equal(t, len(want.control), len(s.heard.control))
	for i, f := range want.control {
		require.Equal(t, f.bytes(), s.heard.control[i].bytes())
	}
	acks := s.heard.acks
	if n := len(want.acks); len(acks) == n+1 && s.p.EpochSeq > 0 && lossAlone(acks[n]) {
		acks = acks[:n] // losses in the epoch before, which are decided after all ACKs
	}
	require.Equal(t, len(want.acks), len(acks), "ACKs taken")
	for i, f := range want.acks {
		require.Equal(t, f.upTo, acks[i].Reliable)
	}
	if want.refused == "" {
		s.arrived[place{uint64(s.p.EpochSeq), s.p.Counter}] = s.now
	}
}

// forget removes skipped counters from the oracle once our tracker, whose memory is
// finite, has forgotten them. It must remember the last four, and all in flight.
func (s *session) forget() {
	for n, e := range s.document.epochs {
		tracker := s.acks.Tracker(sessionID, epochIDs[n])
		for c := range e.leftOut {
			if tracker.Lost(c) { // true also for a forgotten counter
				require.Greater(s.t, e.next-c, uint64(4), "skipped counter forgotten too early")
				delete(e.leftOut, c)
			}
		}
	}
}

// said returns the messages as an application sees them.
func said(all []frame) (out []frame) {
	for _, f := range all {
		out = append(out, frame{kind: f.kind, channel: f.channel, payload: bytes.Clone(f.payload)})
	}
	return out
}

// documented returns a control frame as the oracle represents it.
func documented(f *wire.Frame) frame {
	d := frame{kind: byte(f.Type)}
	switch f.Type {
	case wire.FrameClose:
		d.payload = []byte{byte(f.Close)}
	case wire.FramePathChallenge, wire.FramePathResponse:
		d.payload = bytes.Clone(f.Token[:])
	case wire.FrameRekey:
		d.step, d.payload = byte(f.Step), bytes.Clone(f.Payload)
	}
	return d
}

// say sends messages through our outbound chain. The document's parser must find
// them in the packet, and encoding what it finds must yield the same packet, byte
// for byte.
func (s *session) say(epoch int, messages []frame) {
	t, id, c := s.t, epochIDs[epoch], s.talker[epoch]
	tracker := s.acks.Tracker(sessionID, id)
	counter := tracker.Next()
	s.o.Reset(wire.AppendHeader(s.buf[:0], wire.Header{
		Type: wire.TypeData, Receiver: binary.BigEndian.Uint32(c.index), Counter: counter,
	}), somewhere, s.now)
	s.o.Peer, s.o.Session, s.o.Epoch, s.o.EpochSeq, s.o.Counter = 1, sessionID, id, uint32(epoch), counter
	var packed []frame
	for _, m := range messages {
		s.o.Channel, s.o.Intent = m.channel, pipeline.Intent(m.kind)
		s.o.Sequence, s.o.Distance = s.lane, s.distance(m.channel)
		s.o.SetPayload(m.payload)
		if len(s.o.Data)+s.out.Packer().Size(&s.o)+wire.TagSize > cap(s.o.Data) {
			break
		}
		if m.kind == 3 {
			m.number, m.distance = s.lane, s.o.Distance
			s.lastOn[m.channel] = s.lane
			s.lane++
			s.document.reliableSent = s.lane
			s.acks.SetReliableSent(sessionID, s.lane)
		}
		require.Equal(t, pipeline.Accept, s.out.ProcessMessage(&s.o))
		s.out.Pack(&s.o, cap(s.o.Data))
		packed = append(packed, m)
	}
	require.Equal(t, pipeline.Accept, s.out.ProcessPacket(&s.o))
	tracker.Sent(s.now, len(packed), 0, len(packed) > 0, new(ackstage.Outcome))
	s.document.epochs[epoch].next = counter + 1

	got, plain, err := c.open(s.o.Data)
	require.NoError(t, err)
	require.Equal(t, counter, got)
	all, ok := parse(plain)
	require.True(t, ok || len(plain) == 0, "our packet is malformed: %x", plain)
	require.GreaterOrEqual(t, len(all), len(packed))
	var again []byte
	for i, f := range all {
		again = append(again, f.bytes()...)
		if i < len(packed) {
			require.Equal(t, packed[i].bytes(), f.bytes())
		} else {
			s.judge(f)
		}
	}
	header := binary.BigEndian.AppendUint64(join([]byte{0x11, 0, 0, 0}, c.index), counter)
	require.Equal(t, c.opens.Seal(header, nonce(s.suite, counter), again, header), s.o.Data)
}

func (s *session) distance(channel uint32) uint16 {
	if last, ok := s.lastOn[channel]; ok && s.lane-last < ourWindow {
		return uint16(s.lane - last)
	}
	return 0
}

// judge checks that our ACK acknowledges only what was received, and that
// everything received has been acknowledged before.
func (s *session) judge(f frame) {
	t := s.t
	require.Equal(t, byte(4), f.kind)
	e := s.document.epochs[f.epoch]
	largest := uint64(0)
	for c := range e.accepted {
		largest = max(largest, c)
	}
	require.Equal(t, largest, f.number)
	require.Equal(t, s.document.lowest, f.upTo)
	waited := time.Duration(s.now - s.arrived[place{uint64(f.epoch), largest}])
	require.EqualValues(t, min(waited/(8*time.Microsecond), 65535), f.delay)
	for _, c := range f.counters() {
		require.True(t, e.accepted[c], "acknowledged without having come: %d", c)
		s.acknowledged[place{uint64(f.epoch), c}] = true
	}
	for c := range e.accepted {
		require.True(t, largest-c > 1024 || s.acknowledged[place{uint64(f.epoch), c}], "never acknowledged: %d", c)
	}
}
