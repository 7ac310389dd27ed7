package fuzz

import (
	"slices"

	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/pipeline"
)

// checkMarks checks that the stage does not call SetPlaintext or MarkFresh without being
// the stage for it. In its position packets have these marks already, so the calls have
// no effect; therefore a new stage is run with packets without marks. Any other result
// is ignored, even a panic, because no chain would pass it such packets.
func (k *kit) checkMarks(p *plan, t *trace) error {
	if !p.position.inbound() {
		return nil // there are no marks, and fieldsOf shows the calls
	}
	s, err := k.make()
	if err != nil {
		return err
	}
	b := &bare{kit: k, plan: p, stage: s, mine: fieldsOfKind(s, p.position)}
	fault.Catch(b.all)
	if b.mark == "" {
		return nil
	}
	return fault.Of(b.mark+b.in, "fuzz: stage %q%s set the packet's %s, which it must not set: %s; seen on a packet without that mark (%s)",
		t.name, b.in, b.mark, owners[b.mark], p.describe(b.packet))
}

// bare is a run of packets without marks.
type bare struct {
	*kit
	plan  *plan
	stage pipeline.Stage
	mine  []string

	p      pipeline.Packet
	packet *packet
	mark   string // the first that was set wrongly
	in     string // the method, unless it is Process
}

func (b *bare) all() {
	buf := make([]byte, b.plan.size)
	for _, e := range b.plan.events {
		if e.packet == nil {
			e.notice.tell(b.stage)
			continue
		}
		b.packet = e.packet
		mount(buf, &b.p, e.packet, b.plan.position)
		if b.prepare != nil {
			b.prepare(&b.p)
		}
		if b.give(); b.mark != "" {
			return
		}
	}
}

func (b *bare) give() {
	strip(&b.p)
	v := b.stage.Process(&b.p)
	if b.look("", b.mine); b.mark != "" {
		return
	}
	if s, ok := splitterAt(b.stage, b.plan.position); ok && v == pipeline.Accept {
		for range mostMessages {
			if _, ok := s.Next(&b.p); !ok {
				break
			}
		}
		b.look(", in Next,", b.mine)
	}
	s, ok := b.stage.(pipeline.Settler)
	if !ok || b.mark != "" {
		return
	}
	if b.plan.position == Messages {
		v = pipeline.Accept // v is the message's
	} else {
		v = ending(b.plan.position, b.packet, &b.p, v)
	}
	strip(&b.p)
	s.Settle(&b.p, v)
	b.look(", in Settle,", nil)
}

// look records a mark on the current packet that the stage must not set.
func (b *bare) look(in string, mine []string) {
	switch {
	case b.p.Opened() && !slices.Contains(mine, "Opened"):
		b.mark, b.in = "Opened", in
	case b.p.Fresh() && !slices.Contains(mine, "Fresh"):
		b.mark, b.in = "Fresh", in
	}
}

// strip removes the marks of a packet and nothing else.
func strip(p *pipeline.Packet) {
	was := *p
	p.Reset(was.Data, was.Addr, was.Now)
	p.Peer, p.Session, p.Epoch, p.EpochSeq, p.Counter = was.Peer, was.Session, was.Epoch, was.EpochSeq, was.Counter
	p.Channel, p.Intent, p.Sequence, p.Distance = was.Channel, was.Intent, was.Sequence, was.Distance
	p.Origin, p.Within = was.Origin, was.Within
	p.Messages, p.MessageBytes = was.Messages, was.MessageBytes
	p.Reply = was.Reply
	p.SetPayload(was.Payload())
	if was.Unacknowledged() {
		p.LeaveUnacknowledged()
	}
}
