package ack

import "github.com/intentra/intentra/pipeline"

// state makes a Realtime or Latest message the current one.
func (s *Stage) state(p *pipeline.Packet, channel uint32, intent pipeline.Intent, payload []byte) {
	p.Origin, p.Within, s.origin = s.origin, s.within, 0
	if intent == pipeline.Latest {
		s.supersede(p, channel)
	}
	s.deliver(p, channel, intent, payload)
}

// deliver makes a message the current one.
func (s *Stage) deliver(p *pipeline.Packet, channel uint32, intent pipeline.Intent, payload []byte) {
	p.Channel, p.Intent, p.Began = channel, intent, 0
	p.SetPayload(payload)
}

// giveBack returns the payload of the message before to where it came from.
func (s *Stage) giveBack() {
	if s.borrowed == nil && s.whole == nil {
		return
	}
	s.buffers.put(s.borrowed)
	s.fragments.Put(s.whole)
	s.borrowed, s.whole = nil, nil
}
