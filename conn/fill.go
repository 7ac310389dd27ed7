package conn

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/wire"
)

// fill is the state of the packet under construction. Messages are taken into it by
// one function value, made once, so that filling a packet allocates nothing.
type fill struct {
	e         *Endpoint
	s         *session
	ep        *epoch
	now       pipeline.Time
	messages  int
	eliciting bool
	full      bool        // a message is left for the next packet
	reserved  int         // bytes kept free for an acknowledgement that is due
	unlocked  bool        // messages go through the user's code, which runs without the queue's lock
	scratch   []byte      // of a message on its way through it
	original  []byte      // the same message before the message stages, if Reliable
	waiting   bool        // scratch holds a message for it
	outcome   ack.Outcome // scratch

	taker func(channel uint32, intent pipeline.Intent, payload []byte) bool // take
}

func (f *fill) init(e *Endpoint) {
	f.e = e
	_, standard := e.out.Packer().(*pack.Stage)
	f.unlocked = e.out.HasMessageStages() || !standard
	f.scratch = make([]byte, 0, e.cfg.MaxDatagram)
	f.taker = f.take
}

// fillMessages takes messages until the packet is full or none is left. States and
// Reliable messages alternate in being first, so that neither starves the other.
func (f *fill) fillMessages(state, reliable bool) {
	f.s.stateTurn = !f.s.stateTurn
	if state && f.s.stateTurn {
		f.fillState()
	}
	if reliable {
		f.s.rearm = true // for the retransmission timeout
		f.fillReliable()
	}
	if state && !f.s.stateTurn {
		f.fillState()
	}
}

func (f *fill) fillState() {
	for f.drain(false) {
	}
}

func (f *fill) fillReliable() {
	f.resend()
	if f.s.lane.lost == 0 {
		for f.drain(true) {
		}
	}
}

// drain takes messages from the queue, and reports whether to call it again: if user
// stages process messages, it takes one at a time.
func (f *fill) drain(reliable bool) bool {
	if f.full {
		return false
	}
	f.waiting = false
	f.e.stats.Taken += uint64(f.s.peer.queue.Take(reliable, f.taker))
	if !f.waiting {
		return false
	}
	f.pass()
	return true
}

// take appends one message to the packet, a Reliable one through the lane. It runs
// under the queue's lock. It returns false if the message stays in the queue.
func (f *fill) take(channel uint32, intent pipeline.Intent, payload []byte) bool {
	if intent == pipeline.Reliable && f.s.lane.full() {
		return false
	}
	if f.unlocked {
		return f.hold(channel, intent, payload)
	}
	p := &f.e.outgoing
	p.Channel, p.Intent = channel, intent
	p.SetPayload(payload)
	return f.pack(p) || f.leave(p)
}

// hold copies one message out of the queue, for the user's stages to process without
// the lock. It takes a message only if the packet has room for the longest that the
// stages may make of it, because the message cannot go back.
func (f *fill) hold(channel uint32, intent pipeline.Intent, payload []byte) bool {
	p := &f.e.outgoing
	if f.waiting {
		return false
	}
	longest := wire.MessageSize(wire.FrameType(intent), channel, len(payload)+f.e.out.MaxGrowth())
	if len(p.Data)+longest+f.reserved+wire.TagSize > cap(p.Data) && (f.messages > 0 || f.reserved > 0) {
		f.full = true
		return false
	}
	p.Channel, p.Intent = channel, intent
	f.scratch = append(f.scratch[:0], payload...)
	f.waiting = true
	return true
}

// pass runs the message in scratch through the user's stages and appends the result.
func (f *fill) pass() {
	p := &f.e.outgoing
	channel, intent := p.Channel, p.Intent
	p.SetPayload(f.scratch)
	if intent == pipeline.Reliable {
		f.original = append(f.original[:0], f.scratch...)
	}
	if f.e.out.HasMessageStages() && f.e.out.ProcessMessage(p) != pipeline.Accept {
		return
	}
	p.Channel, p.Intent = channel, intent // not a stage's to change
	if !f.pack(p) {
		f.tooLarge(p)
	}
}

// pack appends the current message, a Reliable one under its number in the lane,
// and returns false if it does not fit. One that the packer drops leaves no trace
// in the lane, where its number would be missing for ever.
func (f *fill) pack(p *pipeline.Packet) bool {
	payload, l := p.Payload(), &f.s.lane
	reliable := p.Intent == pipeline.Reliable
	if reliable {
		p.Sequence, p.Distance = l.following(p.Channel)
	}
	channel, seq := p.Channel, p.Sequence
	v, fits := f.e.out.Pack(p, f.room(p))
	if !fits || v != pipeline.Accept {
		return fits
	}
	f.messages++
	f.eliciting = true
	if reliable {
		m := l.add(channel, payload)
		if f.e.out.HasMessageStages() {
			m.original = append(m.original, f.original...)
		}
		f.e.set.Ack.SetReliableSent(f.s.id, seq+1)
		m.carry(f)
	}
	return true
}

// resend appends lost messages, oldest first, until the packet is full.
func (f *fill) resend() {
	l, p := &f.s.lane, &f.e.outgoing
	if l.lost == 0 || f.full {
		return
	}
	for seq := l.base; seq < l.next && l.lost > 0; seq++ {
		m := l.at(seq)
		if !m.lost {
			continue
		}
		p.Channel, p.Intent = m.channel, pipeline.Reliable
		p.Sequence, p.Distance = seq, m.distance
		p.SetPayload(m.payload)
		packed, fits := f.e.out.Repack(p, f.room(p))
		if !fits {
			f.full = true
			return
		}
		m.lost = false
		m.tries = min(m.tries+1, fastResends)
		l.lost--
		m.carry(f)
		if !packed {
			m.epoch = 0 // no packet has it, so it is lost again with the next acknowledgement or time-out
			continue
		}
		f.messages++
		f.eliciting = true
	}
}

// carry notes that the packet under construction carries m.
func (m *laneMessage) carry(f *fill) {
	p := &f.e.outgoing
	m.epoch, m.counter, m.sentAt = p.Epoch, p.Counter, f.now
}

// pad fills a full packet up to the length of the others of the batch, since only
// datagrams of one length are sent as a run (see package udp), and messages differ by
// some bytes. More than maxPadding bytes are not worth it.
func (f *fill) pad() {
	p := &f.e.outgoing
	n := cap(p.Data) - wire.TagSize - len(p.Data) - f.reserved
	if n > 0 && n <= maxPadding {
		p.Data = wire.AppendPadding(p.Data, n)
	}
}

// leave keeps the message that does not fit for the next packet. One that fits
// no packet, because the peer takes smaller ones than we do, is dropped: it
// must not hold up the others.
func (f *fill) leave(p *pipeline.Packet) (taken bool) {
	if f.messages == 0 && f.reserved == 0 {
		f.tooLarge(p)
		return true
	}
	f.full = true
	return false
}

func (f *fill) tooLarge(p *pipeline.Packet) {
	f.e.stats.TooLarge++
	f.e.out.DropTooLarge(p)
}

// room returns how many bytes of messages the packet still takes.
func (f *fill) room(p *pipeline.Packet) int {
	return cap(p.Data) - len(p.Data) - f.reserved - wire.TagSize
}
