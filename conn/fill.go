package conn

import (
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/wire"
)

// fill is the state of the packet under construction. Messages are taken into it by
// one function value, made once, so that filling a packet allocates nothing.
type fill struct {
	e        *Endpoint
	s        *session
	ep       *epoch
	now      pipeline.Time
	messages int
	bytes    int // of payloads
	// mostMessages and mostBytes limit them; see allow.
	mostMessages, mostBytes int

	eliciting bool
	full      bool   // a message is left for the next packet
	parts     int    // fragments in the packet
	notices   int    // GivenUp frames in the packet
	latest    bool   // it has a whole Latest message
	began     bool   // a Realtime or Latest message in fragments begins in it
	small     int    // payloads up to this size are not large; see isLarge
	probe     bool   // its loss counts for nothing; see sendProbe
	fragment  bool   // IP may fragment it; see extend
	buffer    []byte // of the packet, which may end before it does
	reserved  int    // bytes kept free for an acknowledgement that is due
	standard  bool   // the packer is ours
	unlocked  bool   // messages pass through user code, which must run without the queue's lock
	plain     bool   // the queue may write plain messages itself; see takePlain
	quick     bool   // it does, for the packet under construction
	frames    sendq.Frames
	scratch   []byte // a message that passes through user code
	original  []byte // the same message before the message stages, if Reliable
	waiting   bool   // scratch holds a message that has not passed yet
	marked    bool   // the current message has a mark
	priority  pipeline.Priority
	mark      sendq.Mark
	outcome   ack.Outcome // scratch

	taker func(it *sendq.Item, payload []byte) bool // the method take
}

func (f *fill) init(e *Endpoint) {
	f.e = e
	_, f.standard = e.out.Packer().(*pack.Stage)
	f.unlocked = e.out.HasMessageStages() || !f.standard
	// A Journal records each step of the core with a queue, and takePlain may be two.
	f.plain = !f.unlocked && e.cfg.Journal.Step == nil && e.cfg.Journal.Pushed == nil
	f.scratch = make([]byte, 0, e.cfg.MaxDatagram)
	f.taker = f.take
}

// fillMessages takes messages until the packet is full or none is left. States and
// Reliable messages alternate in going first, so that neither starves the other. All
// messages have the same priority.
func (f *fill) fillMessages(state, reliable bool) {
	f.priority, f.quick = pipeline.Normal, f.plain
	f.s.stateTurn = !f.s.stateTurn
	if state || reliable {
		f.allow()
	}
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

// fillRanked is fillMessages for messages of several priorities. Lost messages are sent
// again before new ones of priority Normal.
func (f *fill) fillRanked(state, reliable bool) {
	f.quick = false
	f.allow()
	f.s.stateTurn = !f.s.stateTurn
	f.s.rearm = f.s.rearm || reliable
	order, n := f.s.peer.queue.Turns(reliable)
	resent := !reliable
	for _, f.priority = range order[:n] {
		if !resent && f.priority <= pipeline.Normal {
			f.resend()
			resent = true
		}
		if state && f.s.stateTurn {
			f.fillState()
		}
		if reliable && (f.priority > pipeline.Normal || f.s.lane.lost == 0) {
			for f.drain(true) {
			}
		}
		if state && !f.s.stateTurn {
			f.fillState()
		}
	}
	if !resent {
		f.resend()
	}
}

func (f *fill) fillState() {
	if f.s.peer.queue.Reading() {
		f.fillLogged()
	}
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
	if f.quick && !reliable && f.s.outbox == nil && !f.takePlain() {
		return false
	}
	f.waiting = false
	f.e.stats.Taken += uint64(f.s.peer.queue.Take(reliable, f.priority, f.now, f.taker))
	if !f.waiting {
		return false
	}
	f.pass()
	return true
}

// takePlain takes Realtime and Latest messages that need no more than to be copied, and
// reports whether others remain for take. Most messages are such, and calls and checks
// for each of them would cost more than the copy.
func (f *fill) takePlain() (more bool) {
	p, w := &f.e.outgoing, &f.frames
	// Field by field; see Packet.Reset.
	w.Data, w.Room, w.Longest = p.Data, f.room(p), f.small
	w.Messages, w.Bytes, w.MostMessages, w.MostBytes = f.messages+f.parts, f.bytes, f.mostMessages, f.mostBytes
	w.Latest, w.Full = false, false
	n, more := f.s.peer.queue.TakePlain(w)
	if n == 0 {
		f.full = w.Full
		return more
	}
	p.Data, f.full = w.Data, w.Full
	f.messages += n
	f.bytes = w.Bytes
	f.latest = f.latest || w.Latest
	f.eliciting = true
	f.e.out.Packed(n)
	f.e.stats.Taken += uint64(n)
	return more
}

// take appends one message to the packet, or holds it for user code. It runs under the
// queue's lock. It returns false if the message stays in the queue.
func (f *fill) take(it *sendq.Item, payload []byte) bool {
	if it.Intent == pipeline.Reliable && f.s.lane.full() {
		return false
	}
	if it.GivenUp {
		return !f.waiting && f.tellOf(it)
	}
	if f.exhausted(len(payload)) {
		return false
	}
	if f.unlocked {
		return f.hold(it, payload)
	}
	p := &f.e.outgoing
	p.Channel, p.Intent = it.Channel, it.Intent
	if f.marked = it.Marked(); f.marked {
		f.mark = it.Mark()
	}
	f.stamp(p, f.marked, f.mark)
	p.SetPayload(payload)
	if f.postponed(it.Channel, it.Intent, len(payload)) {
		f.store(p)
		return true
	}
	return f.pack(p) || f.extend(p) && f.pack(p) || f.leave(p)
}

// hold copies one message out of the queue, for the user's stages to process without
// the lock. It takes a message only if the packet has room for the longest message that
// the stages may turn it into, because it cannot go back into the queue.
func (f *fill) hold(it *sendq.Item, payload []byte) bool {
	p, channel, intent := &f.e.outgoing, it.Channel, it.Intent
	if f.waiting {
		return false
	}
	longest := wire.MessageSize(wire.FrameType(intent), channel, len(payload)+f.e.out.MaxGrowth())
	f.stamp(p, it.Marked(), it.Mark())
	if p.Origin != 0 {
		longest += wire.OriginSize(p.Within)
	}
	late := f.postponed(channel, intent, len(payload)+f.e.out.MaxGrowth())
	if !late && len(p.Data)+longest+f.reserved+wire.TagSize > cap(p.Data) && !f.extend(p) && !f.vacant() {
		f.full = true
		return false
	}
	p.Channel, p.Intent = channel, intent
	f.marked, f.mark = it.Marked(), it.Mark()
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
	passed := !f.e.out.HasMessageStages() || f.e.out.ProcessMessage(p) == pipeline.Accept
	p.Channel, p.Intent = channel, intent // a stage must not change these
	f.stamp(p, f.marked, f.mark)
	if !passed {
		f.giveUp(p)
		return
	}
	if f.postponed(channel, intent, len(p.Payload())) {
		f.store(p)
		return
	}
	switch {
	case f.pack(p):
	case f.isLarge(channel, intent, len(f.scratch)+f.e.out.MaxGrowth()):
		f.store(p) // no room was made for it
	default:
		f.tooLarge(p)
	}
}

// pack appends the current message, and returns false if it does not fit. A Reliable
// message enters the lane only if the packer accepts it: the number of a message that
// was never sent would be missing at the receiver for ever.
func (f *fill) pack(p *pipeline.Packet) bool {
	payload, l := p.Payload(), f.s.lane
	reliable := p.Intent == pipeline.Reliable
	if reliable {
		l = f.s.ownLane()
		p.Sequence, p.Distance = l.following(p.Channel)
	}
	channel, seq := p.Channel, p.Sequence
	if f.s.outbox != nil && p.Intent == pipeline.Latest {
		f.supersede(channel)
	}
	v, fits := f.tryPack(p)
	if !fits || v != pipeline.Accept {
		if fits {
			f.giveUp(p)
		}
		return fits
	}
	f.messages++
	f.bytes += len(payload)
	f.eliciting = true
	f.latest = f.latest || p.Intent == pipeline.Latest
	if reliable {
		m := l.add(channel, payload)
		m.priority = f.priority
		if f.marked {
			l.mark(m, f.mark)
		}
		if f.e.out.HasMessageStages() {
			m.keep(f.original)
		}
		f.e.set.Ack.SetReliableSent(f.s.id, seq+1)
		if l.crowded(m) {
			f.e.requestAck(f.s)
		}
		m.carry(f)
	}
	if f.marked {
		f.ticket(p, reliable)
	}
	return true
}

// ticket does what the mark of a message requires that is now in the packet.
func (f *fill) ticket(p *pipeline.Packet, reliable bool) {
	if f.mark.Ask {
		f.e.requestAck(f.s)
	}
	if f.mark.Token != 0 && !reliable {
		f.carried(p)
	}
}

// giveUp reports the end of a message that is dropped on its way into the packet.
func (f *fill) giveUp(p *pipeline.Packet) {
	if f.marked && f.mark.Token != 0 {
		f.e.decide(f.s.peer, p.Channel, p.Intent, f.mark, FateGivenUp)
	}
}

// tellOf is tell for a notice of the queue. If messages before it are in the outbox, it
// follows them.
func (f *fill) tellOf(it *sendq.Item) bool {
	if !f.s.outbox.follows(it.Channel) {
		return f.tell(it.Channel)
	}
	f.postpone(&large{channel: it.Channel, intent: pipeline.Reliable, priority: it.Priority, whole: true, notice: true})
	return true
}

// tell appends the notice that a Reliable message of the channel has been given up. It
// returns false if there is no room. Notices of one channel in a packet are one, except that
// one sent again does not include others: the peer ignores it if the message had arrived.
func (f *fill) tell(channel uint32) (told bool) {
	l, p := f.s.ownLane(), &f.e.outgoing
	if f.s.capabilities&wire.CapGivenUp == 0 {
		return true // the peer does not miss a number
	}
	if seq, ok := l.last[channel]; ok {
		if m := l.at(seq); m.givenUp && m.tries == 0 && m.epoch == p.Epoch && m.counter == p.Counter {
			return true
		}
	}
	if f.room(p) < wire.GivenUpSize(channel) {
		f.full = true
		return false
	}
	seq, distance := l.following(channel)
	p.Data = wire.AppendGivenUp(p.Data, channel, seq, distance)
	f.notices++
	f.eliciting = true
	m := l.add(channel, nil)
	m.givenUp, m.priority = true, f.priority
	f.e.set.Ack.SetReliableSent(f.s.id, seq+1)
	m.carry(f)
	return true
}

// resend appends lost messages, oldest first, until the packet is full.
func (f *fill) resend() {
	l, p := f.s.lane, &f.e.outgoing
	if l.lost == 0 || f.full {
		return
	}
	for seq := l.base; seq < l.next && l.lost > 0; seq++ {
		m := l.at(seq)
		if !m.lost {
			continue
		}
		if m.expired(f.now) && f.s.capabilities&wire.CapGivenUp != 0 {
			f.e.giveUp(f.s, m) // the packet has the notice instead
		}
		if f.exhausted(len(m.payload)) {
			return
		}
		packed, fits := f.repack(p, seq, m)
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
		if m.extra != nil && m.extra.mark.Ask {
			f.e.requestAck(f.s)
		}
		if m.whole == nil && !m.givenUp {
			f.messages++
		}
		f.bytes += len(m.payload)
		f.eliciting = true
	}
}

// repack appends a message that was sent before. It reports whether there was room for
// it, and whether the packet has it: a stage may drop it.
func (f *fill) repack(p *pipeline.Packet, seq uint64, m *laneMessage) (packed, fits bool) {
	if m.whole != nil {
		fits = f.repackFragment(seq, m)
		return fits, fits
	}
	if m.givenUp {
		if fits = f.room(p) >= wire.GivenUpSize(m.channel); fits {
			p.Data = wire.AppendGivenUp(p.Data, m.channel, seq, m.distance)
			f.notices++
		}
		return fits, fits
	}
	p.Channel, p.Intent = m.channel, pipeline.Reliable
	p.Sequence, p.Distance = seq, m.distance
	p.SetPayload(m.payload)
	if f.stamp(p, false, sendq.Mark{}); m.extra != nil {
		f.stamp(p, true, m.extra.mark)
	}
	return f.tryRepack(p)
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

// extend makes room for a message that the base size has room for in an empty packet
// that is smaller, because even the base size does not arrive. IP may fragment such a
// packet: the message was accepted, so it must not be lost. It returns false if the
// packet is not empty or not smaller.
func (f *fill) extend(p *pipeline.Packet) bool {
	base := f.s.base()
	if !f.vacant() || cap(p.Data) >= base {
		return false
	}
	p.Data = f.buffer[:len(p.Data):base]
	f.fragment, f.full = true, true
	return true
}

// leave keeps a message that does not fit for the next packet. A message that fits no
// packet, because the peer accepts only smaller ones than we do, is dropped and
// reported as taken, so that it does not block the others.
func (f *fill) leave(p *pipeline.Packet) (taken bool) {
	if f.vacant() {
		f.tooLarge(p)
		return true
	}
	f.full = true
	return false
}

// vacant reports whether the packet has room for as much as any packet.
func (f *fill) vacant() bool {
	return f.messages == 0 && f.parts == 0 && f.notices == 0 && f.reserved == 0
}

func (f *fill) tooLarge(p *pipeline.Packet) {
	f.giveUp(p)
	f.e.stats.TooLarge++
	f.e.out.DropTooLarge(p)
}

// room returns how many more bytes of frames fit into the packet.
func (f *fill) room(p *pipeline.Packet) int {
	return cap(p.Data) - len(p.Data) - f.reserved - wire.TagSize
}
