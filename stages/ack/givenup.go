package ack

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// givenUp records a Reliable message that the peer has given up as delivered, in its
// place on the channel. One that was received is a duplicate, and means nothing.
func (s *Stage) givenUp(p *pipeline.Packet, f *wire.Frame) {
	r := &s.session.reorder
	switch r.Offer(f.Seq, f.Distance) {
	case DropWindow, DropDistance:
		p.Strike()
	case pipeline.Accept:
		r.Deliver(f.Seq)
		s.releasing = true
		s.notice(p, f.Channel)
	case pipeline.Consumed:
		r.hold(f.Seq, f.Distance, f.Channel, nil, receivedNotice)
	}
}

// notice passes on that the peer has given up a message of the channel, which ends an
// incomplete one.
func (s *Stage) notice(p *pipeline.Packet, channel uint32) {
	s.interrupt(p, channel)
	s.cfg.GivenUp(p, channel)
}
