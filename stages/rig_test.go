package stages_test

import (
	"crypto/cipher"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/stages/aead"
	"github.com/intentra/intentra/wire"
)

const (
	millisecond = pipeline.Time(time.Millisecond)
	start       = 1000 * 1000 * millisecond
)

var address = netip.MustParseAddrPort("192.0.2.1:7000")

// link is one live epoch of a session of its own, of one suite.
type link struct {
	suite                wire.Suite
	peer, session, epoch pipeline.ID
}

var links = []link{
	{wire.AESGCM, pipeline.MakeID(0, 1), pipeline.MakeID(1, 1), pipeline.MakeID(2, 1)},
	{wire.ChaChaPoly, pipeline.MakeID(1, 1), pipeline.MakeID(2, 3), pipeline.MakeID(70, 255)},
}

// rig is the default chains with live epochs, whose other ends it plays as
// well: a packet that the outbound chain seals is one that the inbound opens.
type rig struct {
	t   testing.TB
	set *stages.Set
	in  *pipeline.Inbound
	out *pipeline.Outbound

	handshakes int
	delivered  []string // the payload of each message, if recording
	recording  bool

	now pipeline.Time
	p   pipeline.Packet // inbound
	o   pipeline.Packet // outbound
	buf []byte
}

func newRig(t testing.TB, change func(*stages.Set)) *rig {
	r := &rig{t: t, now: start, buf: make([]byte, 0, 1232), recording: true}
	cfg := stages.Config{}
	cfg.Cookie.Rand = rand.NewChaCha8([32]byte{1})
	cfg.Header.Handshake = func(p *pipeline.Packet, h wire.Header) pipeline.Verdict {
		require.NotEqual(t, wire.TypeData, h.Type)
		r.handshakes++
		return pipeline.Consumed
	}
	cfg.Dispatch.Deliver = func(p *pipeline.Packet) bool {
		if r.recording {
			r.delivered = append(r.delivered, string(p.Payload()))
		}
		return true
	}
	var err error
	r.set, err = stages.Default(cfg)
	require.NoError(t, err)
	if change != nil {
		change(r.set)
	}
	r.in, err = r.set.Build()
	require.NoError(t, err)
	r.out, err = r.set.Outbound.Build()
	require.NoError(t, err)
	r.in.OnPanic(func(stage string, value any) { t.Errorf("panic in %s: %v", stage, value) })
	r.p.Reply = make([]byte, 0, wire.CookiePacketSize)
	for _, l := range links {
		r.open(l)
	}
	return r
}

func (r *rig) open(l link) {
	r.in.OpenPeer(pipeline.PeerNotice{Peer: l.peer})
	for _, c := range []pipeline.Chain{r.in, r.out} {
		c.OpenSession(pipeline.SessionNotice{Peer: l.peer, Session: l.session})
		c.OpenEpoch(pipeline.EpochNotice{Peer: l.peer, Session: l.session, Epoch: l.epoch})
	}
	r.set.Open.InstallKey(l.epoch, aead.NewKey(l.suite, l.cipher(r.t)))
	r.set.Seal.InstallKey(l.epoch, aead.NewKey(l.suite, l.cipher(r.t)), 0)
}

// cipher returns that of the link's key, the same for both directions.
func (l link) cipher(t testing.TB) cipher.AEAD {
	c, err := noise.NewAEAD(l.suite, [noise.KeySize]byte{byte(l.suite), 31: 9})
	require.NoError(t, err)
	return c
}

// begin starts an outbound packet of the link.
func (r *rig) begin(l link, counter uint64) {
	r.o.Reset(wire.AppendHeader(r.buf[:0], wire.Header{Type: wire.TypeData, Receiver: uint32(l.epoch), Counter: counter}), address, r.now)
	r.o.Peer, r.o.Session, r.o.Epoch, r.o.Counter = l.peer, l.session, l.epoch, counter
}

// add packs a message into it.
func (r *rig) add(channel uint32, intent pipeline.Intent, payload []byte) {
	r.o.Channel, r.o.Intent = channel, intent
	r.o.SetPayload(payload)
	if r.out.ProcessMessage(&r.o) == pipeline.Accept {
		r.out.Pack(&r.o, cap(r.o.Data))
	}
}

// seal finishes it and returns the datagram, which is good until begin.
func (r *rig) seal() []byte {
	if v := r.out.ProcessPacket(&r.o); v != pipeline.Accept {
		r.t.Fatalf("not sealed: %d", v)
	}
	return r.o.Data
}

func (r *rig) receive(data []byte) pipeline.Verdict {
	r.p.Reset(data, address, r.now)
	return r.in.Process(&r.p)
}

// drops checks the law of conservation and returns the drops that are counted.
func (r *rig) drops() map[string]uint64 {
	r.in.Publish()
	n, drops := r.in.Counts(), map[string]uint64{}
	var packets, messages uint64
	for _, d := range n.Drops {
		packets += d.Packets
		messages += d.Messages
		if d.Packets+d.Messages > 0 {
			drops[d.Stage+"/"+d.Reason] += d.Packets + d.Messages
		}
	}
	require.Equal(r.t, n.Packets.In, n.Packets.Accepted+n.Packets.Consumed+packets)
	require.Equal(r.t, n.Messages.In, n.Messages.Accepted+n.Messages.Consumed+messages)
	return drops
}
