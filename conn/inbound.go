package conn

import (
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// HandleDatagram runs one datagram through the inbound chain. It borrows d.Data until
// it returns, and overwrites it. Addresses may be IPv4-mapped.
func (e *Endpoint) HandleDatagram(d wire.Datagram, now pipeline.Time) {
	e.checked()
	addr := netip.AddrPortFrom(d.Addr.Addr().Unmap(), d.Addr.Port())
	size := len(d.Data)
	e.stats.PacketsIn++
	e.stats.BytesIn += uint64(size)
	p := &e.packet
	p.Reset(d.Data, addr, now)
	p.Local = d.Local.Unmap()
	e.replied = false
	v := e.in.Process(p)
	if len(p.Reply) > 0 && e.sendPlain(routeOf(p), p.Reply) {
		if t, _, ok := wire.Peek(p.Reply); ok && t == wire.TypeCookie {
			e.stats.CookiesSent++
		}
	}
	if p.Fresh() {
		e.afterPacket(p, v, size, now)
	}
	e.closeMarked(now)
}

// afterPacket updates the session after an authenticated packet: counters, strikes,
// roaming. It schedules a flush only if there is something to send; a packet of
// messages alone is acknowledged later (see handleOwed).
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
		if s.peer.fault().strikes.add(now, e.cfg.Strikes, e.cfg.StrikeWindow) {
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

// changed calls Config.Touched, once until the driver reads the peer's counters.
func (e *Endpoint) changed(p *Peer) {
	if !p.changed {
		p.changed = true
		e.cfg.Touched(p)
	}
}

// hear notes that an authenticated packet has come. The first one confirms a session
// that this side dialled, and may complete a rekey.
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

// deliver passes a message to the driver. The first packet of a session may carry
// one, so the session is confirmed first.
func (e *Endpoint) deliver(p *pipeline.Packet) bool {
	ep := e.epochOf(p)
	if ep != nil && !ep.session.closed {
		e.hear(ep.session, p)
	}
	if ep == nil || ep.session.closed {
		// The session is over or replaced. An acknowledged message would be lost, so
		// acknowledge nothing: the peer sends it again in the next session.
		e.set.Ack.Silence(p.Session)
		return false
	}
	s := ep.session
	ep.messages++
	s.peer.stats.MessagesIn++
	if p.Origin != 0 {
		e.wantClock(s, p.Now)
	}
	return e.cfg.Deliver(s.peer, p)
}

// givenUp passes on that the peer has given up a message. As with a message, nothing is
// acknowledged if the session is over.
func (e *Endpoint) givenUp(p *pipeline.Packet, channel uint32) {
	ep := e.epochOf(p)
	if ep == nil || ep.session.closed {
		e.set.Ack.Silence(p.Session)
		return
	}
	e.hear(ep.session, p)
	e.stats.GivenUp++
	e.cfg.GivenUp(ep.session.peer, channel)
}

func (e *Endpoint) room(p *pipeline.Packet) bool {
	s := e.sessionOf(p)
	return s != nil && e.cfg.Room(s.peer, p.Channel)
}

// epochOf returns the epoch of p, or nil if a handler or the packet itself has ended
// it.
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
