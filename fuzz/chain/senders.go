package chain

import (
	"bytes"
	"fmt"
	"net/netip"

	"github.com/intentra/intentra/internal/chainrig"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// senders is everyone who sends datagrams to a rig, and what they have sent.
type senders struct {
	*rig
	sent    [][]byte
	init    []byte          // the last Init that was challenged, with its cookie
	inits   map[string]bool // all such Inits, each after its address
	taken   map[packetName]bool
	ledger  ledger
	outcome []outcome
}

type packetName struct {
	epoch   pipeline.ID
	counter uint64
}

func newSenders(r *rig) *senders {
	return &senders{rig: r, inits: map[string]bool{}, taken: map[packetName]bool{}, ledger: newLedger()}
}

func (c *senders) send(i item) {
	switch i.kind {
	case anyBytes:
		c.deliver(i.body, home)
	case byPeer:
		c.deliver(sealed(i.link(), i.counter(), i.body), home)
	case again, flipped, elsewhere:
		c.repeat(i)
	case byChain, withheld:
		data := c.through(i)
		if data == nil {
			return
		}
		if i.kind == withheld {
			c.sent = append(c.sent, bytes.Clone(data))
			return
		}
		c.deliver(data, home)
	case proven:
		handshakes := c.handshakes
		if c.init != nil && c.deliver(c.init, home) == pipeline.Consumed && len(c.Inbound.Reply) == 0 && c.exact {
			c.require(c.handshakes == handshakes+1, "an Init with its cookie did not reach the handshake")
		}
	case laterKind:
		c.Now += pipeline.Time(i.argument) * 10 * chainrig.Millisecond
	}
}

// repeat delivers an earlier datagram again.
func (c *senders) repeat(i item) {
	if len(c.sent) == 0 {
		return
	}
	data, from := bytes.Clone(c.sent[int(i.argument)%len(c.sent)]), home
	if i.kind == flipped && len(data) > 0 {
		bit := (len(i.body)*8 + int(i.argument)) % (8 * len(data))
		data[bit/8] ^= 1 << (bit % 8)
	}
	if i.kind == elsewhere {
		from = away
	}
	c.deliver(data, from)
}

// sealed seals any frames under any counter, also one that was used before.
func sealed(l chainrig.Link, counter uint64, frames []byte) []byte {
	header := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: uint32(l.Epoch), Counter: counter})
	return append(header, l.Cipher.Seal(nil, noise.AppendNonce(nil, l.Suite, counter), frames, header)...)
}

// authentic opens a copy of data with the keys of all peers. It returns false if none
// of them has sealed it.
func authentic(data []byte) (l chainrig.Link, name packetName, frames []byte, ok bool) {
	h, fault := wire.ParseHeader(data)
	for _, l := range links {
		if fault == wire.FaultNone && h.Type == wire.TypeData && h.Receiver == uint32(l.Epoch) {
			frames, err := l.Cipher.Open(nil, noise.AppendNonce(nil, l.Suite, h.Counter), data[wire.HeaderSize:], data[:wire.HeaderSize])
			return l, packetName{l.Epoch, h.Counter}, frames, err == nil
		}
	}
	return l, name, nil, false
}

// through makes a packet of the body with the outbound chain: as one message or as two
// halves. It returns nil if a stage has dropped the packet.
func (c *senders) through(i item) []byte {
	l := i.link()
	counter := c.next[l.Epoch]
	c.next[l.Epoch]++
	for k := range c.buf {
		c.buf[k] = guardByte
	}
	const end = margin + chainrig.Datagram
	c.Begin(c.buf[margin:margin:end], l, counter)
	o := &c.Outbound
	o.Sequence, o.Distance = i.sequence(), uint16(min(uint64(i.distance()), i.sequence()))

	body := i.body[:min(len(i.body), chainrig.Datagram/2)]
	if half := len(body) / 2; i.how() == 3 {
		c.add(uint32(i.argument), pipeline.Latest, body[:half])
		c.add(uint32(i.argument)+1, pipeline.Reliable, body[half:])
	} else {
		c.add(uint32(i.argument), pipeline.Realtime+pipeline.Intent(i.how()), body)
	}
	c.running = call{c.Out, "while it processed a packet", true}
	c.Out.Warm(l.Session, l.Epoch, 0)
	v := c.Out.ProcessPacket(o)
	c.checkCounts(c.Out)
	c.require(intact(c.buf[:margin]) && intact(c.buf[end:]), "the outbound chain wrote outside of its packet")
	if t := c.Set.Ack.Tracker(l.Session, l.Epoch); t != nil {
		t.Sent(c.Now, 1, 0, true, new(ack.Outcome))
	}
	c.note("outbound packet", true, part{"verdict", fmt.Sprint(v)}, part{"Data", fmt.Sprintf("%x", o.Data)})
	if v != pipeline.Accept {
		return nil
	}
	return o.Data
}

// add processes a message with the user's stages, and packs it.
func (c *senders) add(channel uint32, intent pipeline.Intent, payload []byte) {
	o := &c.Outbound
	o.Channel, o.Intent = channel, intent
	o.SetPayload(bytes.Clone(payload))
	c.running = call{c.Out, "while it processed a message", true}
	v := c.Out.ProcessMessage(o)
	c.note("outbound message", true, part{"verdict", fmt.Sprint(v)}, part{"payload", fmt.Sprintf("%x", o.Payload())})
	if v != pipeline.Accept {
		return
	}
	growth := c.Out.MaxGrowth()
	c.require(len(o.Payload()) <= len(payload)+growth, "the outbound stages made a message %d bytes longer, but declare a growth of at most %d: see pipeline.Grower",
		len(o.Payload())-len(payload), growth)
	c.pack(wire.MessageSize(wire.FrameType(intent), channel, len(payload)+growth))
}

// pack packs the current message. Its frame may have up to longest bytes, which follows
// from the growth that the stages declare. A Reliable message is packed a second time,
// as for a retransmission.
func (c *senders) pack(longest int) {
	o := &c.Outbound
	before, room := bytes.Clone(o.Data), chainrig.Room(o)
	c.running = call{c.Out, "while it packed a message", true}
	v, fits := c.Out.Pack(o, room)
	c.note("packed message", true, part{"verdict", fmt.Sprint(v, fits)}, part{"Data", fmt.Sprintf("%x", o.Data)})
	packer := c.Out.Packer().Name()
	c.require(bytes.HasPrefix(o.Data, before), "stage %q changed what was in Data before the message", packer)
	if !fits {
		c.Out.DropTooLarge(o)
		c.require(longest > room, "stage %q: Size returned more than the %d bytes that a message may take: MaxGrowth must declare what the packer adds to a frame", packer, longest)
		return
	}
	c.require(len(o.Data)-len(before) <= longest, "stage %q appended %d bytes for a message that may take %d: MaxGrowth must declare what the packer adds to a frame",
		packer, len(o.Data)-len(before), longest)
	if v != pipeline.Accept || o.Intent != pipeline.Reliable {
		return
	}
	resent := *o
	resent.Data = append(make([]byte, 0, cap(o.Data)), before...)
	packed, fits := c.Out.Repack(&resent, room)
	c.note("message packed again", true, part{"result", fmt.Sprint(packed, fits)}, part{"Data", fmt.Sprintf("%x", resent.Data)})
	c.require(packed && fits, "stage %q packed a Reliable message, but did not pack it again for a retransmission: it would never be sent again", packer)
}

// deliver runs a copy of data through the inbound chain, and checks the outcome.
func (c *senders) deliver(data []byte, from netip.AddrPort) pipeline.Verdict {
	arena := bytes.Repeat([]byte{guardByte}, 2*margin+len(data))
	copy(arena[margin:], data)
	data = bytes.Clone(data)
	c.sent = append(c.sent, data)
	before := c.handshakes
	c.yielded, c.delivered = c.yielded[:0], 0

	p := &c.Inbound
	p.Reply = c.reply // a stage may have replaced it
	c.running = call{c.In, "while it processed a packet or message", true}
	if l, _, _, ok := authentic(data); ok {
		c.In.Warm(l.Session, l.Epoch, c.next[l.Epoch])
	}
	v := c.Receive(arena[margin:margin+len(data)], from)
	c.note("inbound packet", false, part{"verdict", fmt.Sprint(v)}, part{"Data", fmt.Sprintf("%x", arena[margin:margin+len(data)])},
		part{"Reply", fmt.Sprintf("%x", p.Reply)}, part{"messages", fmt.Sprintf("%q", c.yielded)}, part{"number of messages delivered", fmt.Sprint(c.delivered)},
		part{"marks", fmt.Sprintf("fresh %t, struck %t, unacknowledged %t", p.Fresh(), p.Struck(), p.Unacknowledged())})
	c.require(intact(arena[:margin]) && intact(arena[margin+len(data):]), "the inbound chain wrote outside of its datagram")
	c.judge(data, v)
	c.judgeHandshake(data, from, v, c.handshakes > before)
	c.checkCounts(c.In)
	return v
}

// The guard bytes around a packet, which no stage may change.
const (
	margin    = 48
	guardByte = 0xa5
)

func intact(b []byte) bool { return bytes.Count(b, []byte{guardByte}) == len(b) }
