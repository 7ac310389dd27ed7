package conn

import (
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// HandleDatagram runs one datagram through the inbound chain. data is borrowed
// and will be changed in place; addr is unmapped here.
func (e *Endpoint) HandleDatagram(data []byte, addr netip.AddrPort, now pipeline.Time) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	e.stats.PacketsIn++
	e.stats.BytesIn += uint64(len(data))
	p := &e.packet
	p.Reset(data, addr, now)
	e.replied = false
	size := len(data)
	v := e.in.Process(p)
	if len(p.Reply) > 0 && e.sendPlain(addr, p.Reply) {
		if t, _, ok := wire.Peek(p.Reply); ok && t == wire.TypeCookie {
			e.stats.CookiesSent++
		}
	}
	if p.Fresh() {
		e.afterPacket(p, v, size, now)
	}
	e.closeMarked(now)
}

// afterPacket does what an authenticated packet means beyond its contents. It
// has the session flushed only if there is something to say: a packet of plain
// messages sets off an acknowledgement later; see handleOwed.
func (e *Endpoint) afterPacket(p *pipeline.Packet, v pipeline.Verdict, size int, now pipeline.Time) {
	ep := e.epochOf(p)
	if ep == nil || ep.session.closed {
		return
	}
	s := ep.session
	e.hear(s, p)
	s.peer.stats.PacketsIn++
	s.peer.stats.BytesIn += uint64(size)
	e.changed(s.peer)
	if p.Struck() {
		e.stats.Strikes++
		if s.peer.strikes == nil {
			s.peer.strikes = new(strikes)
		}
		if s.peer.strikes.add(now, e.cfg.Strikes, e.cfg.StrikeWindow) {
			e.markClosing(s, wire.CloseViolation, true)
			return
		}
	}
	if p.Counter >= ep.received {
		ep.received = p.Counter + 1
	}
	if v == pipeline.Accept {
		e.follow(s, p, size)
	}
}

// changed tells the driver, once until it reads them, that the peer's
// statistics have changed.
func (e *Endpoint) changed(p *Peer) {
	if !p.changed {
		p.changed = true
		e.cfg.Touched(p)
	}
}

// hear notes the first sign of life that a packet is: it confirms a session
// that we dialled, and decides a rekey.
func (e *Endpoint) hear(s *session, p *pipeline.Packet) {
	s.received = p.Now
	if !s.spoken || s.final != nil {
		s.spoken, s.final = true, nil
	}
	if !s.confirmed {
		e.confirm(s, p.Now)
	}
	if s.next != nil {
		e.heardUnder(s, p.Epoch, p.Now)
	}
}

// deliver passes a message to the driver. The first packet may carry one, so
// the session is confirmed first.
func (e *Endpoint) deliver(p *pipeline.Packet) bool {
	ep := e.epochOf(p)
	if ep != nil && !ep.session.closed {
		e.hear(ep.session, p)
	}
	if ep == nil || ep.session.closed {
		// It is over, or gives way to another that the peer has begun beside it.
		// What is acknowledged would be lost; so it comes again in the next.
		e.set.Ack.Silence(p.Session)
		return false
	}
	s := ep.session
	ep.messages++
	s.peer.stats.MessagesIn++
	return e.cfg.Deliver(s.peer, p)
}

func (e *Endpoint) room(p *pipeline.Packet) bool {
	s := e.sessionOf(p)
	return s != nil && e.cfg.Room(s.peer)
}

// epochOf returns the epoch that p came under, unless a handler or the packet
// itself has ended it meanwhile.
func (e *Endpoint) epochOf(p *pipeline.Packet) *epoch {
	if ep := e.epochs.Get(p.Epoch); ep != nil {
		return *ep
	}
	return nil
}

func (e *Endpoint) sessionOf(p *pipeline.Packet) *session {
	if s := e.sessions.Get(p.Session); s != nil {
		return *s
	}
	return nil
}
