package fuzz

import (
	"bytes"

	"github.com/intentra/intentra/pipeline"
)

// guard is how many bytes stand around all that a stage may write.
const guard = 64

// layout says where in an arena the parts of a packet lie.
type layout struct {
	data, dataEnd, dataCap int
	payload, payloadEnd    int
	reply, replyCap        int
	end                    int
}

func newLayout(k *packet) (l layout) {
	l.data = guard
	l.dataEnd = l.data + len(k.data)
	l.dataCap = l.dataEnd + k.room
	l.payload = l.dataCap + guard
	l.payloadEnd = l.payload + len(k.payload)
	l.reply = l.payloadEnd + guard
	l.replyCap = l.reply + k.reply
	l.end = l.replyCap + guard
	return l
}

// arena is the memory that a packet lies in, guard bytes all around.
type arena struct {
	layout
	packet *packet
	buf    []byte
	before []byte // data as the stage was given it
	given  fields // of the Packet, likewise
	packs  bool   // the stage appends the message in hand to data
}

// guardByte is what offset i holds where nobody may write.
func guardByte(i int) byte { return 0xa5 ^ byte(i*7) }

// mount puts k into buf, and p around it. It allocates nothing.
func mount(buf []byte, p *pipeline.Packet, k *packet, position Position) layout {
	a := newLayout(k)
	for i := range buf {
		buf[i] = guardByte(i)
	}
	copy(buf[a.data:], k.data)
	copy(buf[a.payload:], k.payload)
	dataCap := a.dataCap
	if position.inbound() {
		// In memory the next datagram follows, and a slice does not end there.
		dataCap += guard
	}
	data := buf[a.data:a.dataEnd:dataCap]
	p.Reply = buf[a.reply:a.reply:a.replyCap]
	p.Reset(data, k.addr, k.now)
	p.Peer, p.Session, p.Epoch, p.EpochSeq, p.Counter = k.of.Peer, k.of.Session, k.of.Epoch, k.of.Seq, k.counter
	p.Channel, p.Intent, p.Sequence, p.Distance = k.channel, k.intent, k.sequence, k.distance
	switch position {
	case Opened:
		p.SetPlaintext(data[k.from:k.to:k.to])
	case Fresh, Messages:
		p.SetPlaintext(data[k.from:k.to:k.to])
		p.MarkFresh()
	case OutMessages:
		p.SetPayload(buf[a.payload:a.payloadEnd:a.payloadEnd])
	}
	return a
}

// hold remembers data and fields as they are, which the stage is given now.
func (a *arena) hold(p *pipeline.Packet) {
	a.before, a.given = append(a.before[:0], a.buf[a.data:a.dataEnd]...), fieldsOf(p)
}

// check returns what the stage has done that it must not, or "".
func (a *arena) check(p *pipeline.Packet, position Position) string {
	if s := a.checkAround(position); s != "" {
		return s
	}
	if s := a.checkNeighbours(position); s != "" {
		return s
	}
	if s := a.checkData(p, position); s != "" {
		return s
	}
	return a.checkReply(p)
}

// checkPrepared is check for Prepare. It stands for stages of all kinds, so that it
// may write next to a message.
func (a *arena) checkPrepared(p *pipeline.Packet, position Position) string {
	if s := a.checkAround(position); s != "" {
		return s
	}
	if s := a.checkData(p, position); s != "" {
		return s
	}
	return a.checkReply(p)
}

// checkAround sees whether what lies around the packet is as it was.
func (a *arena) checkAround(position Position) string {
	if !a.intact(a.dataCap, a.payload) {
		if position.inbound() {
			return "wrote behind the end of Data, where the next datagram lies: do not append to Data"
		}
		return "wrote behind the capacity of Data"
	}
	if !a.intact(0, a.data) || !a.intact(a.payloadEnd, a.reply) || !a.intact(a.replyCap, a.end) {
		return "wrote outside of the packet's Data, Payload() and Reply"
	}
	return ""
}

func (a *arena) intact(from, to int) bool {
	for i := from; i < to; i++ {
		if a.buf[i] != guardByte(i) {
			return false
		}
	}
	return true
}

// checkNeighbours holds a stage that sees messages to its own.
func (a *arena) checkNeighbours(position Position) string {
	now := a.buf[a.data:a.dataEnd]
	switch position {
	case Messages:
		k := a.packet
		if !bytes.Equal(now[:k.from], a.before[:k.from]) || !bytes.Equal(now[k.to:], a.before[k.to:]) {
			return "wrote outside of its message, where the other messages of the packet lie: change only the bytes of Payload()"
		}
	case OutMessages:
		if !bytes.Equal(now, a.before) {
			return "wrote into Data, where earlier messages lie: change only the payload"
		}
	}
	return ""
}

// checkData sees whether Data is still what the driver has given.
func (a *arena) checkData(p *pipeline.Packet, position Position) string {
	if len(p.Data) > 0 && len(a.before) > 0 && &p.Data[0] != &a.buf[a.data] {
		return "replaced Data by memory of its own; write into it, or use SetPayload for a message"
	}
	appends := position == OutPackets || a.packs
	switch {
	case !appends && len(p.Data) != len(a.before):
		return "changed the length of Data, which only outbound packet stages may"
	case appends && len(p.Data) < len(a.before):
		return "shortened Data"
	case !position.inbound() && cap(p.Data) != a.dataCap-a.data:
		return "changed the capacity of Data, which is the room that the later stages have"
	}
	return ""
}

// checkReply holds an answer to its capacity and to the length of the question.
func (a *arena) checkReply(p *pipeline.Packet) string {
	switch n := len(p.Reply); {
	case n == 0:
	case n > a.replyCap-a.reply || &p.Reply[0] != &a.buf[a.reply]:
		return "put its answer into memory of its own; append to Reply[:0], within its capacity, or drop for a reason of its own where that is too small"
	case n > len(a.before):
		return "answered with more bytes than it was sent, so it can be used to flood others from a spoofed address; make its packets longer or the answer shorter"
	}
	return ""
}

// scribble makes the memory worthless, as the next packets do.
func (a *arena) scribble(salt int) {
	for i := range a.buf {
		a.buf[i] = byte(i*13 + salt*101 + 7)
	}
}
