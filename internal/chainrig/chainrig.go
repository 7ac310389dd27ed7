// Package chainrig runs the default chains without an endpoint, for tests and for
// package fuzz/chain. It knows the keys of both ends of each session, so that the
// inbound chain opens what the outbound chain has sealed.
package chainrig

import (
	"crypto/cipher"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/stages/aead"
	"github.com/intentra/intentra/wire"
)

// Millisecond is a millisecond of [pipeline.Time].
const Millisecond = pipeline.Time(time.Millisecond)

// start is the time at which a rig begins: later than any interval of a stage.
const start = 1000 * 1000 * Millisecond

// Datagram is the size of the largest packet that a rig makes, in bytes.
const Datagram = 1232

// Link is one live epoch of a session.
type Link struct {
	Suite                wire.Suite
	Peer, Session, Epoch pipeline.ID
	Seq                  uint32
	Cipher               cipher.AEAD // the same in both directions
}

// Links are the epochs of three peers' sessions. The first two sessions differ in
// their suite; the third has two epochs, as after a rekey.
var Links = []Link{
	newLink(wire.AESGCM, 0, pipeline.MakeID(1, 1), pipeline.MakeID(2, 1), 0),
	newLink(wire.ChaChaPoly, 1, pipeline.MakeID(2, 3), pipeline.MakeID(70, 255), 0),
	newLink(wire.AESGCM, 2, pipeline.MakeID(0, 9), pipeline.MakeID(1, 2), 0),
	newLink(wire.AESGCM, 2, pipeline.MakeID(0, 9), pipeline.MakeID(3, 1), 1),
}

func newLink(suite wire.Suite, peer uint32, session, epoch pipeline.ID, seq uint32) Link {
	c, err := noise.NewAEAD(suite, [noise.KeySize]byte{byte(epoch.Number()), 31: 9})
	if err != nil {
		panic(err) // the suite exists
	}
	return Link{suite, pipeline.MakeID(peer, 1), session, epoch, seq, c}
}

// PeerNotice returns the notice of the link's peer.
func (l Link) PeerNotice() pipeline.PeerNotice {
	return pipeline.PeerNotice{Peer: l.Peer, Key: [32]byte{byte(l.Peer.Number()), 1, 31: 0x40}}
}

// SessionNotice returns the notice of the link's session.
func (l Link) SessionNotice() pipeline.SessionNotice {
	return pipeline.SessionNotice{Peer: l.Peer, Session: l.Session}
}

// EpochNotice returns the notice of the link's epoch.
func (l Link) EpochNotice() pipeline.EpochNotice {
	return pipeline.EpochNotice{Peer: l.Peer, Session: l.Session, Epoch: l.Epoch, Seq: l.Seq}
}

// Home is the address of all peers.
var Home = netip.MustParseAddrPort("192.0.2.1:7000")

// Rig is the default chains with live epochs. Not safe for concurrent use.
type Rig struct {
	Set *stages.Set
	In  *pipeline.Inbound
	Out *pipeline.Outbound

	// Handshake, if not nil, is called for each packet that header passes to the
	// core, and Deliver for each message that dispatch delivers.
	Handshake func(h wire.Header)
	Deliver   func(p *pipeline.Packet)

	Now      pipeline.Time
	Inbound  pipeline.Packet // the latest received
	Outbound pipeline.Packet // the one being filled
}

// New returns a rig with the default stages in Set, which the caller may change
// before it calls Build.
func New() (*Rig, error) {
	r := &Rig{Now: start}
	cfg := stages.Config{}
	cfg.Cookie.Rand = rand.NewChaCha8([32]byte{1})
	cfg.RateLimit.TableSize = 64
	cfg.Header.Handshake = func(_ *pipeline.Packet, h wire.Header) pipeline.Verdict {
		if r.Handshake != nil {
			r.Handshake(h)
		}
		return pipeline.Consumed
	}
	cfg.Dispatch.Deliver = func(p *pipeline.Packet) bool {
		if r.Deliver != nil {
			r.Deliver(p)
		}
		return true
	}
	var err error
	r.Set, err = stages.Default(cfg)
	r.Inbound.Reply = make([]byte, 0, wire.CookiePacketSize)
	return r, err
}

// Build builds both chains.
func (r *Rig) Build() (err error) {
	if r.In, err = r.Set.Build(); err != nil {
		return fmt.Errorf("inbound: %w", err)
	}
	if r.Out, err = r.Set.Outbound.Build(); err != nil {
		return fmt.Errorf("outbound: %w", err)
	}
	return nil
}

// Open opens the link's epoch in both chains, and with the first one of a session also
// the session and its peer. If before is not nil, it is called before each chain
// calls its stages.
func (r *Rig) Open(l Link, before func(c pipeline.Chain)) {
	for _, c := range []pipeline.Chain{r.In, r.Out} {
		if before != nil {
			before(c)
		}
		if l.Seq == 0 {
			c.OpenPeer(l.PeerNotice())
			c.OpenSession(l.SessionNotice())
		}
		c.OpenEpoch(l.EpochNotice())
	}
	r.Set.Open.InstallKey(l.Epoch, aead.NewKey(l.Suite, l.Cipher))
	r.Set.Seal.InstallKey(l.Epoch, aead.NewKey(l.Suite, l.Cipher), 0)
}

// Close closes the link's epoch, and with the last one of a session also the session
// and its peer; before is as in Open.
func (r *Rig) Close(l Link, last bool, before func(c pipeline.Chain)) {
	for _, c := range []pipeline.Chain{r.In, r.Out} {
		if before != nil {
			before(c)
		}
		c.CloseEpoch(l.EpochNotice())
		if last {
			c.CloseSession(l.SessionNotice())
			c.ClosePeer(l.PeerNotice())
		}
	}
}

// Begin makes Outbound an empty packet of the link in buf, from its start and up to
// its capacity.
func (r *Rig) Begin(buf []byte, l Link, counter uint64) {
	o := &r.Outbound
	o.Reset(wire.AppendHeader(buf[:0], wire.Header{Type: wire.TypeData, Receiver: uint32(l.Epoch), Counter: counter}), Home, r.Now)
	o.Peer, o.Session, o.Epoch, o.EpochSeq, o.Counter = l.Peer, l.Session, l.Epoch, l.Seq, counter
}

// Add puts a message through the message stages, and packs it if they accept it and
// the packet has room.
func (r *Rig) Add(channel uint32, intent pipeline.Intent, payload []byte) {
	o := &r.Outbound
	o.Channel, o.Intent = channel, intent
	o.SetPayload(payload)
	if r.Out.ProcessMessage(o) == pipeline.Accept {
		if _, fits := r.Out.Pack(o, Room(o)); !fits {
			r.Out.DropTooLarge(o)
		}
	}
}

// Room returns how many bytes of frames still fit into a packet with an
// acknowledgement and a tag.
func Room(o *pipeline.Packet) int {
	return cap(o.Data) - len(o.Data) - wire.MaxAckSize - wire.TagSize
}

// Receive runs a datagram, which it changes, through the inbound chain.
func (r *Rig) Receive(data []byte, from netip.AddrPort) pipeline.Verdict {
	r.Inbound.Reset(data, from, r.Now)
	return r.In.Process(&r.Inbound)
}

// CheckCounts publishes the counters of a chain, and returns an error if packets or
// messages are not conserved.
func CheckCounts(c pipeline.Chain) (pipeline.Counts, error) {
	c.Publish()
	n := c.Counts()
	var packets, messages uint64
	for _, d := range n.Drops {
		packets, messages = packets+d.Packets, messages+d.Messages
	}
	if n.Packets.In != n.Packets.Accepted+n.Packets.Consumed+packets {
		return n, fmt.Errorf("packets are not conserved: %+v, %d dropped", n.Packets, packets)
	}
	if n.Messages.In != n.Messages.Accepted+n.Messages.Consumed+messages {
		return n, fmt.Errorf("messages are not conserved: %+v, %d dropped", n.Messages, messages)
	}
	return n, nil
}
