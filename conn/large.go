package conn

import (
	"bytes"

	"github.com/intentra/intentra/internal/fragment"
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/wire"
)

// What we chose.
const (
	// fragmentsAhead is how many bytes of Reliable fragments may be above the lowest
	// unacknowledged message. The peer has to hold what follows a lost one; ours holds
	// 256 KiB.
	fragmentsAhead = 128 << 10
	// fragmentShare is the part of the flight's bound that new fragments leave to other
	// messages, which would otherwise wait for acknowledgements of these.
	fragmentShare = 4 // bound / n
	// wholeOverhead is what a message takes beside its payload, whatever its channel and
	// intent, if it is shorter than 16,384 bytes.
	wholeOverhead = 1 + 8 + 8 + 2 + 2
)

// accepted returns the size of the datagrams that a message must fit to be sent whole.
func (s *session) accepted() int { return min(int(s.maxDatagram), AcceptedDatagram) }

// fragments reports whether messages may be sent in fragments: the peer puts them together,
// and the packer is the standard one, which does not see them.
func (f *fill) fragments() bool { return f.s.maxMessage > 0 && f.standard }

// isLarge reports whether a message with n bytes of payload does not fit the datagrams
// that every path is expected to carry.
func (f *fill) isLarge(channel uint32, intent pipeline.Intent, n int) bool {
	return n > f.small && wire.MessageSize(pack.FrameType(intent), channel, n)+wire.Overhead > f.s.accepted()
}

// postponed reports whether a message goes to the outbox: it is large, or Reliable and
// follows one there on its channel.
func (f *fill) postponed(channel uint32, intent pipeline.Intent, n int) bool {
	return f.isLarge(channel, intent, n) || f.s.outbox != nil && intent == pipeline.Reliable && f.s.outbox.follows(channel)
}

// store puts the current message into the outbox.
func (f *fill) store(p *pipeline.Packet) {
	payload := p.Payload()
	m := &large{channel: p.Channel, intent: p.Intent, priority: f.priority}
	if f.marked {
		m.mark = f.mark
	}
	if f.isLarge(p.Channel, p.Intent, len(payload)) {
		limit := int(f.s.maxMessage)
		if p.Intent != pipeline.Reliable {
			limit = min(limit, wire.MaxStateMessage)
		}
		if !f.fragments() || len(payload) > limit {
			f.tooLarge(p)
			return
		}
		m.cut = fragment.NewCut(len(payload), fragment.Chunk(f.s.accepted()-wire.Overhead, wire.FragmentOverhead+f.originSize()))
	} else {
		m.whole = true
	}
	f.e.out.TakeForFragments(p)
	m.payload = bytes.Clone(payload)
	if m.intent == pipeline.Reliable && f.e.out.HasMessageStages() {
		m.original = bytes.Clone(f.original)
	}
	f.postpone(m)
}

// postpone adds m to the outbox, and drops what it supersedes or displaces there.
func (f *fill) postpone(m *large) {
	if f.s.outbox == nil {
		f.s.outbox = new(outbox)
	}
	o := f.s.outbox
	if m.intent == pipeline.Latest {
		if before := o.latest(m.channel); before != nil && before.cut.Started() && !before.cut.Done() {
			if before.next != nil {
				f.e.stats.UnfinishedSuperseded++
				f.e.settleLarge(f.s, before.next, FateSuperseded)
			}
			before.next = m
			return
		}
		f.supersede(m.channel)
	}
	if m.intent != pipeline.Reliable {
		limit := f.e.queueLimits().StateBytes
		for o.stateBytes+len(m.payload) > limit {
			displaced := o.displace()
			if displaced == nil {
				break
			}
			f.e.stats.UnfinishedDisplaced++
			f.e.settleLarge(f.s, displaced, FateDisplaced)
		}
	}
	o.add(m)
}

// supersede drops the Latest message of a channel from the outbox, because a newer one has
// left the queue.
func (f *fill) supersede(channel uint32) {
	if m := f.s.outbox.latest(channel); m != nil {
		f.s.outbox.remove(m)
		f.e.stats.UnfinishedSuperseded++
		f.e.settleLarge(f.s, m, FateSuperseded)
		if m.next != nil {
			f.e.stats.UnfinishedSuperseded++
			f.e.settleLarge(f.s, m.next, FateSuperseded)
		}
	}
}

// nextLarge returns the message in the outbox of s that has its turn, or nil if none may be
// sent now. A Latest message begins only if begin is true.
func (e *Endpoint) nextLarge(s *session, begin bool, now pipeline.Time) *large {
	o, l := s.outbox, s.lane
	reliable := !l.full() && l.lost == 0
	if len(o.ready) > 0 && reliable {
		return o.ready[0]
	}
	reliable = reliable && l.fragments < fragmentsAhead
	for _, m := range o.list {
		switch {
		case m.intent == pipeline.Reliable && (m.whole || !reliable):
		case m.intent != pipeline.Reliable && !m.cut.Started() && !begin:
		case !e.fragmentsFly(s, now):
			return nil
		default:
			return m
		}
	}
	return nil
}

// fragmentsFly is mayFly for new fragments, which leave a part of the bound to others.
func (e *Endpoint) fragmentsFly(s *session, now pipeline.Time) bool {
	f := s.flight
	if f == nil || f.probe || int(s.inFlight) < f.Bound()-f.Bound()/fragmentShare {
		return true
	}
	e.hold(s, now)
	return false
}

// largeSendable reports whether something in the outbox of s may be sent now.
func (e *Endpoint) largeSendable(s *session, now pipeline.Time) bool {
	return s.outbox.waits() && (s.outbox.lost > 0 || e.nextLarge(s, true, now) != nil)
}

// fillLarge fills the packet from the outbox: fragments of Latest messages that are lost
// go first.
func (f *fill) fillLarge() {
	f.s.rearm = true // for the timeouts
	f.repair()
	for !f.full {
		m := f.e.nextLarge(f.s, !f.latest && !f.began, f.now)
		if m == nil {
			return
		}
		if f.outdated(m) {
			continue
		}
		if m.whole {
			f.sendFollower(m)
		} else {
			f.sendFragment(m)
		}
	}
}

// sendFollower appends a whole Reliable message whose turn has come.
func (f *fill) sendFollower(m *large) {
	p, l := &f.e.outgoing, f.s.ownLane()
	if m.notice {
		if f.priority = m.priority; f.tell(m.channel) {
			f.s.outbox.leave(m)
		}
		return
	}
	p.Channel, p.Intent = m.channel, m.intent
	p.Sequence, p.Distance = l.following(m.channel)
	p.SetPayload(m.payload)
	f.stamp(p, true, m.mark)
	packed, fits := f.tryRepack(p)
	if !fits {
		f.full = true
		return
	}
	f.s.outbox.leave(m)
	if packed {
		f.messages++
		f.bytes += len(m.payload)
		f.eliciting = true
		sent := l.add(m.channel, m.payload)
		sent.priority = m.priority
		if m.original != nil {
			sent.keep(m.original)
		}
		if m.mark != (sendq.Mark{}) {
			l.mark(sent, m.mark)
		}
		if m.mark.Ask {
			f.e.requestAck(f.s)
		}
		f.e.set.Ack.SetReliableSent(f.s.id, p.Sequence+1)
		sent.carry(f)
	}
}

// sendFragment appends the next fragment of m, or ends the packet if it does not fit.
func (f *fill) sendFragment(m *large) {
	p, l := &f.e.outgoing, f.s.ownLane()
	offset, n := m.cut.Next()
	seq, distance := l.following(m.channel)
	if m.intent != pipeline.Reliable && !m.cut.Started() {
		m.seq, m.counter = p.EpochSeq, p.Counter
	}
	if !f.appendFragment(m, offset, n, seq, distance) {
		return
	}
	f.began = f.began || m.intent != pipeline.Reliable && !m.cut.Started()
	m.cut.Sent()
	switch m.intent {
	case pipeline.Reliable:
		sent := l.addFragment(m, offset, n)
		if m.cut.Done() && m.mark.Token != 0 {
			// All others come before it on the channel, so its fate is that of the
			// message.
			l.mark(sent, sendq.Mark{Token: m.mark.Token, Sent: m.mark.Sent, Ask: m.mark.Ask})
		}
		f.e.set.Ack.SetReliableSent(f.s.id, seq+1)
		sent.carry(f)
	case pipeline.Realtime:
		if m.mark.Token != 0 {
			f.carriedPart(p, m)
		}
	case pipeline.Latest:
		m.parts = append(m.parts, part{epoch: p.Epoch, counter: p.Counter, sentAt: f.now})
		m.unacked++
	}
	if m.cut.Done() {
		f.finished(m)
	}
}

// finished is called when the last fragment of m is in the packet.
func (f *fill) finished(m *large) {
	f.messages++
	if m.intent != pipeline.Realtime {
		f.e.requestAck(f.s)
	}
	if m.intent == pipeline.Reliable {
		f.s.outbox.leave(m)
	} else if f.s.outbox.sent(m) {
		f.e.stats.UnfinishedSuperseded++
		f.e.settleLarge(f.s, m, FateSuperseded)
	}
}

// appendFragment appends a fragment to the packet. If it does not fit, the packet is full.
func (f *fill) appendFragment(m *large, offset, n int, seq uint64, distance uint16) bool {
	p := &f.e.outgoing
	g := wire.Fragment{
		Of: pack.FrameType(m.intent), Epoch: uint8(m.seq), Counter: uint32(m.counter),
		Size: uint32(len(m.payload)), Offset: uint32(offset),
	}
	size := wire.FragmentSize(g, m.channel, n)
	stamped := m.mark.Origin != 0 && f.s.capabilities&wire.CapOrigin != 0 &&
		(m.intent != pipeline.Reliable || offset+n == len(m.payload))
	if stamped {
		size += wire.OriginSize(m.mark.Within)
	}
	if size > f.room(p) && !(f.extend(p) && size <= f.room(p)) {
		f.full = true
		return false
	}
	if stamped {
		p.Data = wire.AppendOrigin(p.Data, m.mark.Origin, m.mark.Within)
	}
	p.Data = wire.AppendFragment(p.Data, g, m.channel, seq, distance, m.payload[offset:offset+n])
	f.parts++
	f.bytes += n
	f.eliciting = true
	return true
}

// repair appends the fragments of Latest messages that are lost.
func (f *fill) repair() {
	o := f.s.outbox
	for _, list := range [...][]*large{o.repair, o.list} {
		for _, m := range list {
			if o.lost == 0 || f.full {
				return
			}
			f.repairMessage(m)
		}
	}
}

func (f *fill) repairMessage(m *large) {
	p, o := &f.e.outgoing, f.s.outbox
	for i := range m.parts {
		r := &m.parts[i]
		if r.state != partLost {
			continue
		}
		offset, n := m.cut.At(i)
		if !f.appendFragment(m, offset, n, 0, 0) {
			return
		}
		*r = part{epoch: p.Epoch, counter: p.Counter, sentAt: f.now, tries: min(r.tries+1, fastResends)}
		if o.lost--; o.lost == 0 {
			f.e.requestAck(f.s)
		}
	}
}

// addFragment takes a fragment into flight, with the next number. The lane is not full.
func (l *lane) addFragment(m *large, offset, n int) *laneMessage {
	sent := l.add(m.channel, nil)
	l.kept -= int32(cap(sent.payload))
	l.weight -= int32(sent.weight())
	// The capacity tells the offset; see offset.
	sent.payload, sent.whole = m.payload[offset:offset+n], m
	l.fragments += int32(n)
	l.weight += int32(sent.weight())
	return sent
}

// offset returns the offset in its message of a fragment in the lane.
func (m *laneMessage) offset() int { return cap(m.whole.payload) - cap(m.payload) }

// repackFragment appends a Reliable fragment that was sent before.
func (f *fill) repackFragment(seq uint64, m *laneMessage) (fits bool) {
	return f.appendFragment(m.whole, m.offset(), len(m.payload), seq, m.distance)
}
