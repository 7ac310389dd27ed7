package fuzz

import (
	"bytes"

	"github.com/intentra/intentra/pipeline"
)

// guard is the number of guard bytes around all memory that a stage may write.
const guard = 64

// layout holds the offsets of a packet's parts in an arena.
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

// arena is the memory of a packet, surrounded by guard bytes.
type arena struct {
	layout
	packet *packet
	buf    []byte
	before []byte // data, before the call
	given  fields // of the Packet, before the call
	packs  bool   // the stage appends the message to data
}

// guardByte returns the value of the guard byte at offset i.
func guardByte(i int) byte { return 0xa5 ^ byte(i*7) }

// mount copies k into buf, and makes p refer to it. It allocates nothing.
func mount(buf []byte, p *pipeline.Packet, k *packet, position Position) layout {
	a := newLayout(k)
	for i := range buf {
		buf[i] = guardByte(i)
	}
	copy(buf[a.data:], k.data)
	copy(buf[a.payload:], k.payload)
	dataCap := a.dataCap
	if position.inbound() {
		// As in a driver, the slice does not end where the next datagram begins.
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

// hold records data and fields before a call of the stage.
func (a *arena) hold(p *pipeline.Packet) {
	a.before, a.given = append(a.before[:0], a.buf[a.data:a.dataEnd]...), fieldsOf(p)
}

// check returns the rule that the stage has broken, as the predicate of a failure, or "".
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

// checkPrepared is check for Prepare. Prepare acts as stages of all kinds, so it may
// write next to a message.
func (a *arena) checkPrepared(p *pipeline.Packet, position Position) string {
	if s := a.checkAround(position); s != "" {
		return s
	}
	if s := a.checkData(p, position); s != "" {
		return s
	}
	return a.checkReply(p)
}

// checkAround checks the guard bytes.
func (a *arena) checkAround(position Position) string {
	if !a.intact(a.dataCap, a.payload) {
		if position.inbound() {
			return "wrote past the end of Data, where the next datagram lies: do not append to Data"
		}
		return "wrote past the capacity of Data"
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

// checkNeighbours checks that a message stage wrote only into its message.
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

// checkData checks that Data is still the memory that the driver provided.
func (a *arena) checkData(p *pipeline.Packet, position Position) string {
	if len(p.Data) > 0 && len(a.before) > 0 && &p.Data[0] != &a.buf[a.data] {
		return "replaced Data with memory of its own: write into it, or use SetPayload for a message"
	}
	appends := position == OutPackets || a.packs
	switch {
	case !appends && len(p.Data) != len(a.before):
		return "changed the length of Data, which only outbound packet stages may do"
	case appends && len(p.Data) < len(a.before):
		return "shortened Data"
	case !position.inbound() && cap(p.Data) != a.dataCap-a.data:
		return "changed the capacity of Data, which is the room that the later stages have"
	}
	return ""
}

// checkReply checks a reply against the capacity of Reply and the length of the packet
// that it answers.
func (a *arena) checkReply(p *pipeline.Packet) string {
	switch n := len(p.Reply); {
	case n == 0:
	case n > a.replyCap-a.reply || &p.Reply[0] != &a.buf[a.reply]:
		return "put its reply into memory of its own: append to Reply[:0] within its capacity, or drop for a reason of its own if that is too small"
	case n > len(a.before):
		return "replied with more bytes than it received, so it can be used to flood a spoofed address: make the reply shorter, or require longer packets"
	}
	return ""
}

// scribble overwrites the memory, as the next packets would.
func (a *arena) scribble(salt int) {
	for i := range a.buf {
		a.buf[i] = byte(i*13 + salt*101 + 7)
	}
}
