package ack

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

var (
	sessionA = pipeline.MakeID(1, 1)
	sessionB = pipeline.MakeID(2, 1)
)

// epochOf returns the ID of an epoch of a session.
func epochOf(session pipeline.ID, seq uint32) pipeline.ID {
	return pipeline.MakeID(session.Number()*10+seq%10, 1)
}

// rig is the stage in a chain whose AEAD open accepts everything, and its outbound
// half.
type rig struct {
	t      testing.TB
	stage  *Stage
	attach *Attach
	chain  *pipeline.Inbound
	forged bool // nothing is genuine
	full   bool // the reader has no room

	messages []string // "realtime 7 payload"
	origins  []uint64 // of these
	control  []wire.FrameType
	outcomes []Outcome
	onAck    func()
	onGiven  func()
	gone     map[pipeline.Verdict]int // by Config.Lost
	wakes    []pipeline.Time          // by Config.Assembling

	now pipeline.Time
	p   pipeline.Packet
	out pipeline.Packet
	buf []byte
}

// opener replaces AEAD open and the replay window.
type opener struct{ *rig }

func (opener) Name() string      { return "open" }
func (opener) Reasons() []string { return nil }
func (opener) OpensPlaintext()   {}
func (o opener) Process(p *pipeline.Packet) pipeline.Verdict {
	if !o.forged {
		p.SetPlaintext(p.Data[wire.HeaderSize:])
		p.MarkFresh()
	}
	return pipeline.Accept
}

func newRig(t testing.TB, cfg Config, more ...pipeline.Stage) *rig {
	r := &rig{t: t, buf: make([]byte, 0, 2000)}
	cfg.Control = func(_ *pipeline.Packet, f *wire.Frame) {
		r.control = append(r.control, f.Type)
		if r.onAck != nil {
			r.onAck()
		}
	}
	cfg.Acked = func(_ *pipeline.Packet, o *Outcome) { r.outcomes = append(r.outcomes, *o) }
	r.gone = map[pipeline.Verdict]int{}
	cfg.Lost = func(v pipeline.Verdict, n int) {
		require.Positive(t, n)
		r.gone[v] += n
		r.chain.CountMessageDrop("ack", v, n)
	}
	cfg.Assembling = func(at pipeline.Time) { r.wakes = append(r.wakes, at) }
	cfg.Room = func(*pipeline.Packet) bool { return !r.full }
	r.stage = New(cfg)
	r.attach = NewAttach(r.stage)
	stages := append([]pipeline.Stage{opener{r}, r.stage}, more...)
	sink := pipeline.Func("sink", nil, func(p *pipeline.Packet) pipeline.Verdict {
		r.messages = append(r.messages, fmt.Sprintf("%s %d %s", p.Intent, p.Channel, p.Payload()))
		r.origins = append(r.origins, p.Origin)
		if r.onGiven != nil {
			r.onGiven()
		}
		return pipeline.Accept
	})
	var err error
	r.chain, err = pipeline.NewInbound(append(stages, sink)...).Build()
	require.NoError(t, err)
	r.chain.OnPanic(func(stage string, value any) { t.Errorf("panic in %s: %v", stage, value) })
	r.open(sessionA, 0)
	return r
}

// open opens a session with its epochs.
func (r *rig) open(session pipeline.ID, epochs ...uint32) {
	r.chain.OpenSession(pipeline.SessionNotice{Session: session})
	for _, seq := range epochs {
		r.chain.OpenEpoch(pipeline.EpochNotice{Session: session, Epoch: epochOf(session, seq), Seq: seq})
	}
}

// receive processes a packet of the session's epoch with these frames.
func (r *rig) receive(session pipeline.ID, epoch uint32, counter uint64, frames []byte) pipeline.Verdict {
	data := append(r.buf[:0], make([]byte, wire.HeaderSize)...)
	r.p.Reset(append(data, frames...), netip.AddrPort{}, r.now)
	r.p.Session, r.p.Epoch, r.p.EpochSeq, r.p.Counter = session, epochOf(session, epoch), epoch, counter
	return r.chain.Process(&r.p)
}

// send makes a packet of epoch 0 of the session with n bytes of data, and returns the
// acknowledgements attached to it.
func (r *rig) send(session pipeline.ID, n, capacity int) []wire.Ack {
	r.out.Reset(append(make([]byte, 0, capacity), make([]byte, wire.HeaderSize+n)...), netip.AddrPort{}, r.now)
	r.out.Session = session
	require.Equal(r.t, pipeline.Accept, r.attach.Process(&r.out))
	require.LessOrEqual(r.t, len(r.out.Data)+wire.TagSize, max(capacity, wire.HeaderSize+n+wire.TagSize))
	var acks []wire.Ack
	var f wire.Frame
	for b := r.out.Data[wire.HeaderSize+n:]; len(b) > 0; {
		size := f.Parse(b)
		require.NotZero(r.t, size)
		if f.Type == wire.FrameAck {
			acks = append(acks, f.Ack)
		}
		b = b[size:]
	}
	return acks
}

func (r *rig) tracker(session pipeline.ID, epoch uint32) *Tracker {
	return r.stage.Tracker(session, epochOf(session, epoch))
}

// sent records n packets sent in the session's epoch at the current time.
func (r *rig) sent(session pipeline.ID, epoch uint32, n int) {
	var o Outcome
	for range n {
		r.tracker(session, epoch).Sent(r.now, 1, 0, true, &o)
	}
}

func (r *rig) history(session pipeline.ID, epoch uint32) *History {
	return &r.stage.sessions.Get(session).byID(epochOf(session, epoch)).history
}

// take returns the messages since the last call.
func (r *rig) take() []string {
	m := r.messages
	r.messages = nil
	return m
}

// drops checks that packets and messages are conserved, and returns the drops.
func (r *rig) drops() map[string]uint64 {
	r.chain.Publish()
	n, drops := r.chain.Counts(), map[string]uint64{}
	var packets, messages uint64
	for _, d := range n.Drops {
		packets += d.Packets
		messages += d.Messages
		if d.Packets+d.Messages > 0 {
			drops[d.Reason] += d.Packets + d.Messages
		}
	}
	require.Equal(r.t, n.Packets.In, n.Packets.Accepted+n.Packets.Consumed+packets)
	require.Equal(r.t, n.Messages.In, n.Messages.Accepted+n.Messages.Consumed+messages)
	return drops
}

func ack(epoch uint8, largest, reliable uint64, bits ...uint64) []byte {
	a := wire.Ack{Epoch: epoch, Largest: largest, Reliable: reliable}
	copy(a.Bitmap[:], bits)
	return wire.AppendAck(nil, &a)
}

func realtime(channel uint32, payload string) []byte {
	return wire.AppendMessage(nil, wire.FrameRealtime, channel, []byte(payload))
}

func reliable(channel uint32, seq uint64, distance uint16, payload string) []byte {
	return wire.AppendReliable(nil, channel, seq, distance, []byte(payload))
}

func frames(list ...[]byte) []byte { return bytes.Join(list, nil) }

const millisecond = pipeline.Time(time.Millisecond)
