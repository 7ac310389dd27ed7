package chain

import (
	"crypto/cipher"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/intentra/intentra/fuzz/internal/fault"
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

// link is one live epoch of a session.
type link struct {
	suite                wire.Suite
	peer, session, epoch pipeline.ID
	seq                  uint32
	cipher               cipher.AEAD // the same for both directions
}

// links are sessions of three peers; the third has two epochs, as after a rekey.
var links = []link{
	newLink(wire.AESGCM, 0, pipeline.MakeID(1, 1), pipeline.MakeID(2, 1), 0),
	newLink(wire.ChaChaPoly, 1, pipeline.MakeID(2, 3), pipeline.MakeID(70, 255), 0),
	newLink(wire.AESGCM, 2, pipeline.MakeID(0, 9), pipeline.MakeID(1, 2), 0),
	newLink(wire.AESGCM, 2, pipeline.MakeID(0, 9), pipeline.MakeID(3, 1), 1),
}

func newLink(suite wire.Suite, peer uint32, session, epoch pipeline.ID, seq uint32) link {
	c, err := noise.NewAEAD(suite, [noise.KeySize]byte{byte(epoch.Number()), 31: 9})
	if err != nil {
		panic(err) // there is such a suite
	}
	return link{suite, pipeline.MakeID(peer, 1), session, epoch, seq, c}
}

// rig is the chains with live epochs, whose other ends it plays as well: a packet
// that the outbound chain seals is one that the inbound opens.
type rig struct {
	set *stages.Set
	in  *pipeline.Inbound
	out *pipeline.Outbound
	// exact says that in front of the messages stand the default stages alone;
	// acks, that theirs of that name is among them.
	exact, acks bool
	standard    []pipeline.Stage // inbound and outbound, before the change
	hand        hand             // in which the user's code is called

	handshakes int
	delivered  int      // to the receiver, of the packet in hand
	yielded    []string // messages of the packet in hand, as ack yields them
	err        error    // the first thing that went wrong

	now   pipeline.Time
	p     pipeline.Packet // inbound
	o     pipeline.Packet // outbound
	buf   []byte          // of o, with guard bytes around
	reply []byte          // for p.Reply
	next  map[pipeline.ID]uint64
}

// datagram is the size of the packets that the outbound chain makes, in bytes.
const datagram = 1232

func newRig(change func(*stages.Set) error) (*rig, error) {
	r := &rig{now: start, next: map[pipeline.ID]uint64{}}
	cfg := stages.Config{}
	cfg.Cookie.Rand = rand.NewChaCha8([32]byte{1})
	cfg.RateLimit.TableSize = 64
	cfg.Header.Handshake = func(_ *pipeline.Packet, h wire.Header) pipeline.Verdict {
		if h.Type == wire.TypeData {
			r.fail("a data packet was taken for a handshake")
		}
		r.handshakes++
		return pipeline.Consumed
	}
	cfg.Dispatch.Deliver = func(*pipeline.Packet) bool {
		r.delivered++
		return true
	}
	var err error
	if r.set, err = stages.Default(cfg); err != nil {
		return nil, err
	}
	in, err := r.set.Build()
	if err != nil {
		return nil, err
	}
	out, err := r.set.Outbound.Build()
	if err != nil {
		return nil, err
	}
	r.standard = append(in.Stages(), out.Stages()...)
	return r, r.guarded(func() error {
		if change != nil {
			r.hand.doing = fmt.Sprintf("the change %s()", fault.NameOf(change))
			if err := change(r.set); err != nil {
				return fmt.Errorf("fuzz/chain: the change: %w", err)
			}
		}
		return r.build(in.Stages())
	})
}

// probeName is that of the stage which is put in for the kit's own use.
const probeName = "fuzz_probe"

func (r *rig) build(standard []pipeline.Stage) (err error) {
	r.hand.doing = "a stage that the change has put in, asked for its names and kind,"
	if slices.Contains(r.set.Names(), "ack") {
		r.set.InsertAfter("ack", pipeline.Func(probeName, nil, r.probe))
	}
	if r.in, err = r.set.Build(); err != nil {
		return fmt.Errorf("fuzz/chain: inbound: %w", err)
	}
	if r.out, err = r.set.Outbound.Build(); err != nil {
		return fmt.Errorf("fuzz/chain: outbound: %w", err)
	}
	packets := len(standard) - 1 // all but dispatch
	list := r.in.Stages()
	r.acks = slices.Contains(list, pipeline.Stage(r.set.Ack))
	r.exact = len(list) > packets && slices.Equal(list[:packets], standard[:packets])
	for name, c := range map[string]pipeline.Chain{"inbound": r.in, "outbound": r.out} {
		c.OnPanic(func(stage string, v any) {
			r.failOf(stage, "panic in stage %q of the %s chain: %v; package fuzz finds the line", stage, name, v)
		})
	}
	r.reply = make([]byte, 0, wire.CookiePacketSize)
	r.buf = make([]byte, margin+datagram+margin)
	for _, l := range links {
		r.open(l)
	}
	return r.err
}

func (r *rig) open(l link) {
	for _, c := range []pipeline.Chain{r.in, r.out} {
		r.hand = hand{c, "at PeerOpened, SessionOpened or EpochOpened", false}
		if l.seq == 0 {
			c.OpenPeer(pipeline.PeerNotice{Peer: l.peer})
			c.OpenSession(pipeline.SessionNotice{Peer: l.peer, Session: l.session})
		}
		c.OpenEpoch(pipeline.EpochNotice{Peer: l.peer, Session: l.session, Epoch: l.epoch, Seq: l.seq})
	}
	r.set.Open.InstallKey(l.epoch, aead.NewKey(l.suite, l.cipher))
	r.set.Seal.InstallKey(l.epoch, aead.NewKey(l.suite, l.cipher), 0)
}

// probe sees each message before the user's stages do.
func (r *rig) probe(p *pipeline.Packet) pipeline.Verdict {
	r.yielded = append(r.yielded, messageName(p.Session, p.Intent, p.Channel, p.Payload()))
	return pipeline.Accept
}

func messageName(session pipeline.ID, intent pipeline.Intent, channel uint32, payload []byte) string {
	return fmt.Sprintf("%s on channel %d of session %#x: %x", intent, channel, session, payload)
}

// guests names the stages of c that are not the default ones, for failures that
// one of them must have caused.
func (r *rig) guests(c pipeline.Chain) string {
	var names []string
	for _, s := range c.Stages() {
		if s.Name() != probeName && !slices.Contains(r.standard, s) {
			names = append(names, s.Name())
		}
	}
	return fmt.Sprintf("%q", names)
}

// fail keeps the first thing that has gone wrong.
func (r *rig) fail(format string, args ...any) { r.failOf("", format, args...) }

// failOf is fail where a stage is known to be the cause.
func (r *rig) failOf(stage, format string, args ...any) {
	if r.err == nil {
		r.err = fault.Of(stage, "fuzz/chain: "+format, args...)
	}
}

func (r *rig) require(ok bool, format string, args ...any) {
	if !ok {
		r.fail(format, args...)
	}
}

// conserved holds a chain to its law.
func (r *rig) conserved(c pipeline.Chain) {
	c.Publish()
	n := c.Counts()
	var packets, messages uint64
	for _, d := range n.Drops {
		packets, messages = packets+d.Packets, messages+d.Messages
		if d.Reason == "unspecified" && d.Packets+d.Messages > 0 {
			r.failOf(d.Stage, "stage %q dropped without a reason that it has declared; package fuzz finds the verdict", d.Stage)
		}
		if d.Reason == "bad_data" && d.Packets+d.Messages > 0 {
			r.failOf(d.Stage, "stage %q replaced or shortened Data, or appended what it must not", d.Stage)
		}
	}
	r.require(n.Packets.In == n.Packets.Accepted+n.Packets.Consumed+packets, "packets are not conserved: %+v, %d dropped", n.Packets, packets)
	r.require(n.Messages.In == n.Messages.Accepted+n.Messages.Consumed+messages, "messages are not conserved: %+v, %d dropped", n.Messages, messages)
}

var (
	home = netip.MustParseAddrPort("192.0.2.1:7000")
	away = netip.MustParseAddrPort("192.0.2.1:7001")
)
