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
	unlocked  bool        // messages pass through user code, which must run without the queue's lock
	scratch   []byte      // a message that passes through user code
	original  []byte      // the same message before the message stages, if Reliable
	waiting   bool        // scratch holds a message that has not passed yet
	outcome   ack.Outcome // scratch

	taker func(channel uint32, intent pipeline.Intent, payload []byte) bool // the method take
}

func (f *fill) init(e *Endpoint) {
	f.e = e
	_, standard := e.out.Packer().(*pack.Stage)
	f.unlocked = e.out.HasMessageStages() || !standard
	f.scratch = make([]byte, 0, e.cfg.MaxDatagram)
	f.taker = f.take
}

// fillMessages takes messages until the packet is full or none is left. States and
// Reliable messages alternate in going first, so that neither starves the other.
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

// drain takes messages from the queue, one at a time if they pass through user code,
// and reports whether to call it again.
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

// take appends one message to the packet, or holds it for user code. It runs under the
// queue's lock. It returns false if the message stays in the queue.
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
// the lock. It takes a message only if the packet has room for the longest message that
// the stages may turn it into, because it cannot go back into the queue.
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
	p.Channel, p.Intent = channel, intent // a stage must not change these
	if !f.pack(p) {
		f.tooLarge(p)
	}
}

// pack appends the current message, and returns false if it does not fit. A Reliable
// message enters the lane only if the packer accepts it: the number of a message that
// was never sent would be missing at the receiver for ever.
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
			m.epoch = 0 // no packet carries it, so the next acknowledgement or timeout declares it lost again
			continue
		}
		f.messages++
		f.eliciting = true
	}
}

// carry records that the packet under construction carries m.
func (m *laneMessage) carry(f *fill) {
	p := &f.e.outgoing
	m.epoch, m.counter, m.sentAt = p.Epoch, p.Counter, f.now
}

// pad extends a nearly full packet to the maximum length by at most maxPadding bytes:
// only datagrams of one length are sent as a run (see package udp), and full packets
// would otherwise differ by a few bytes.
func (f *fill) pad() {
	p := &f.e.outgoing
	n := cap(p.Data) - wire.TagSize - len(p.Data) - f.reserved
	if n > 0 && n <= maxPadding {
		p.Data = wire.AppendPadding(p.Data, n)
	}
}

// leave keeps a message that does not fit for the next packet. A message that fits no
// packet, because the peer accepts only smaller ones than we do, is dropped and
// reported as taken, so that it does not block the others.
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

// room returns how many more bytes of frames fit into the packet.
func (f *fill) room(p *pipeline.Packet) int {
	return cap(p.Data) - len(p.Data) - f.reserved - wire.TagSize
}
