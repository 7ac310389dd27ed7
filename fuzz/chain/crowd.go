package chain

import (
	"bytes"
	"fmt"
	"net/netip"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// crowd is all who send datagrams to a rig, and what they know of what they have
// sent.
type crowd struct {
	*rig
	sent    [][]byte
	init    []byte          // the last that was challenged, with its cookie
	inits   map[string]bool // all of these, behind the address
	taken   map[packetName]bool
	ledger  ledger
	outcome []outcome
}

type packetName struct {
	epoch   pipeline.ID
	counter uint64
}

func newCrowd(r *rig) *crowd {
	return &crowd{rig: r, inits: map[string]bool{}, taken: map[packetName]bool{}, ledger: newLedger()}
}

func (c *crowd) send(i item) {
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
		if c.init != nil && c.deliver(c.init, home) == pipeline.Consumed && len(c.p.Reply) == 0 && c.exact {
			c.require(c.handshakes == handshakes+1, "an Init with its cookie came to no handshake")
		}
	case laterKind:
		c.now += pipeline.Time(i.argument) * 10 * millisecond
	}
}

// repeat delivers an earlier datagram once more.
func (c *crowd) repeat(i item) {
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

// sealed seals any frames under any counter, as often as one likes.
func sealed(l link, counter uint64, frames []byte) []byte {
	header := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: uint32(l.epoch), Counter: counter})
	return append(header, l.cipher.Seal(nil, noise.AppendNonce(nil, l.suite, counter), frames, header)...)
}

// authentic opens a copy of data with the keys of all peers.
func authentic(data []byte) (l link, name packetName, frames []byte, ok bool) {
	h, fault := wire.ParseHeader(data)
	for _, l := range links {
		if fault == wire.FaultNone && h.Type == wire.TypeData && h.Receiver == uint32(l.epoch) {
			frames, err := l.cipher.Open(nil, noise.AppendNonce(nil, l.suite, h.Counter), data[wire.HeaderSize:], data[:wire.HeaderSize])
			return l, packetName{l.epoch, h.Counter}, frames, err == nil
		}
	}
	return l, name, nil, false
}

// through makes a packet of the body by the outbound chain: one message, or two
// halves of it. It returns nil if the user's stages have dropped the packet.
func (c *crowd) through(i item) []byte {
	l := i.link()
	counter := c.next[l.epoch]
	c.next[l.epoch]++
	for k := range c.buf {
		c.buf[k] = guardByte
	}
	c.o.Reset(wire.AppendHeader(c.buf[margin:margin:margin+datagram], wire.Header{Type: wire.TypeData, Receiver: uint32(l.epoch), Counter: counter}), home, c.now)
	c.o.Peer, c.o.Session, c.o.Epoch, c.o.EpochSeq, c.o.Counter = l.peer, l.session, l.epoch, l.seq, counter
	c.o.Sequence, c.o.Distance = i.sequence(), uint16(min(uint64(i.distance()), i.sequence()))

	body := i.body[:min(len(i.body), datagram/2)]
	if half := len(body) / 2; i.how() == 3 {
		c.add(uint32(i.argument), pipeline.Latest, body[:half])
		c.add(uint32(i.argument)+1, pipeline.Reliable, body[half:])
	} else {
		c.add(uint32(i.argument), pipeline.Realtime+pipeline.Intent(i.how()), body)
	}
	c.hand = hand{c.out, "when it was given a packet", true}
	v := c.out.ProcessPacket(&c.o)
	c.conserved(c.out)
	c.require(intact(c.buf[:margin]) && intact(c.buf[margin+datagram:]), "the outbound chain wrote outside of its packet")
	if t := c.set.Ack.Tracker(l.session, l.epoch); t != nil {
		t.Sent(c.now, 1, true, new(ack.Outcome))
	}
	c.note("outbound packet", true, part{"verdict", fmt.Sprint(v)}, part{"Data", fmt.Sprintf("%x", c.o.Data)})
	if v != pipeline.Accept {
		return nil
	}
	return c.o.Data
}

// add takes a message through the user's stages, and packs it.
func (c *crowd) add(channel uint32, intent pipeline.Intent, payload []byte) {
	c.o.Channel, c.o.Intent = channel, intent
	c.o.SetPayload(bytes.Clone(payload))
	c.hand = hand{c.out, "when it was given a message", true}
	v := c.out.ProcessMessage(&c.o)
	c.note("outbound message", true, part{"verdict", fmt.Sprint(v)}, part{"payload", fmt.Sprintf("%x", c.o.Payload())})
	if v != pipeline.Accept {
		return
	}
	longest := len(payload) + c.out.MaxGrowth()
	c.require(len(c.o.Payload()) <= longest, "a message became longer by %d bytes on its way out, and the stages have declared %d: see pipeline.Grower",
		len(c.o.Payload())-len(payload), c.out.MaxGrowth())
	c.pack()
}

// pack appends the message in hand, if it fits.
func (c *crowd) pack() {
	c.hand = hand{c.out, "when it packed a message", true}
	if _, fits := c.out.Pack(&c.o, datagram-len(c.o.Data)-wire.MaxAckSize-wire.TagSize); !fits {
		c.out.DropTooLarge(&c.o)
	}
}

// deliver gives the inbound chain a copy of data, and looks at what it makes of
// it.
func (c *crowd) deliver(data []byte, from netip.AddrPort) pipeline.Verdict {
	arena := bytes.Repeat([]byte{guardByte}, 2*margin+len(data))
	copy(arena[margin:], data)
	data = bytes.Clone(data)
	c.sent = append(c.sent, data)
	before := c.handshakes
	c.yielded, c.delivered = c.yielded[:0], 0

	c.p.Reply = c.reply // a stage may have left its own
	c.p.Reset(arena[margin:margin+len(data)], from, c.now)
	c.hand = hand{c.in, "when it was given a packet or message", true}
	v := c.in.Process(&c.p)
	c.note("inbound packet", false, part{"verdict", fmt.Sprint(v)}, part{"Data", fmt.Sprintf("%x", arena[margin:margin+len(data)])},
		part{"Reply", fmt.Sprintf("%x", c.p.Reply)}, part{"messages", fmt.Sprintf("%q", c.yielded)}, part{"number of messages delivered", fmt.Sprint(c.delivered)},
		part{"marks", fmt.Sprintf("fresh %t, struck %t, unacknowledged %t", c.p.Fresh(), c.p.Struck(), c.p.Unacknowledged())})
	c.require(intact(arena[:margin]) && intact(arena[margin+len(data):]), "the inbound chain wrote outside of its datagram")
	c.judge(data, v)
	c.judgeHandshake(data, from, v, c.handshakes > before)
	c.conserved(c.in)
	return v
}

// What stands around a packet, to be left alone.
const (
	margin    = 48
	guardByte = 0xa5
)

func intact(b []byte) bool { return bytes.Count(b, []byte{guardByte}) == len(b) }
