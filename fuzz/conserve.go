package fuzz

import (
	"fmt"

	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/pipeline"
)

// track is a chain of the stage and substitutes for the others.
type track struct {
	chain    pipeline.Chain // in or out
	in       *pipeline.Inbound
	out      *pipeline.Outbound
	position Position
	packs    bool
	packet   *packet // the current one
	yielded  bool    // the current packet's message was yielded, where the kit is the splitter
	panicked any
}

func newTrack(s pipeline.Stage, position Position) (*track, error) {
	t := &track{position: position}
	_, splits := splitterAt(s, position)
	_, packs := s.(pipeline.Packer)
	var in *pipeline.Builder[pipeline.Inbound]
	var out *pipeline.Builder[pipeline.Outbound]
	switch {
	case position == Messages:
		in = pipeline.NewInbound(source{t}, s)
	case splits:
		in = pipeline.NewInbound(s)
	case position.inbound():
		rest := pipeline.Func("fuzz_rest", []string{"refused"}, func(p *pipeline.Packet) pipeline.Verdict {
			return ending(position, t.packet, p, pipeline.Accept)
		})
		if position <= Sealed {
			rest = opener{rest} // before which no stage may read plaintext
		}
		in = pipeline.NewInbound(s, rest)
	case position == OutMessages && packs:
		out, t.packs = pipeline.NewOutbound(s), true
	case position == OutMessages:
		out = pipeline.NewOutbound(s, packer{})
	default:
		out = pipeline.NewOutbound(packer{}, s)
	}
	var err error
	if in != nil {
		t.in, err = in.Build()
		t.chain = t.in
	} else {
		t.out, err = out.Build()
		t.chain = t.out
	}
	if err != nil {
		return nil, err
	}
	t.chain.OnPanic(func(_ string, v any) { t.panicked = v })
	return t, nil
}

// opener is a substitute for AEAD open, which the rules of the chain require.
type opener struct{ pipeline.Stage }

// OpensPlaintext makes the stage a [pipeline.Opener].
func (opener) OpensPlaintext() {}

// source is the splitter before a stage that sees messages. It yields each packet
// once, as its only message.
type source struct{ *track }

func (source) Name() string      { return "fuzz_source" }
func (source) Reasons() []string { return nil }
func (s source) Process(*pipeline.Packet) pipeline.Verdict {
	s.yielded = false
	return pipeline.Accept
}

func (s source) Next(*pipeline.Packet) (pipeline.Verdict, bool) {
	if s.yielded {
		return 0, false
	}
	s.yielded = true
	return pipeline.Accept, true
}

// packer is a substitute for the packer. It appends nothing.
type packer struct{}

func (packer) Name() string                              { return "fuzz_pack" }
func (packer) Reasons() []string                         { return nil }
func (packer) Size(*pipeline.Packet) int                 { return 0 }
func (packer) Process(*pipeline.Packet) pipeline.Verdict { return pipeline.Accept }

// process runs a packet through the chain, and returns the verdict of the packet, or
// of the message if it is outbound.
func (t *track) process(p *pipeline.Packet, k *packet) pipeline.Verdict {
	t.packet = k
	switch {
	case t.position.inbound():
		return t.in.Process(p)
	case t.packs:
		v, fits := t.out.Pack(p, k.room)
		if !fits {
			t.out.DropTooLarge(p)
		}
		t.out.ProcessPacket(p)
		return v
	case t.position == OutMessages:
		v := t.out.ProcessMessage(p)
		if v == pipeline.Accept {
			t.out.Pack(p, 0) // counts it
		}
		t.out.ProcessPacket(p)
		return v
	}
	return t.out.ProcessPacket(p)
}

// checkConserved runs the plan in a chain and checks its counters. A difference between
// repeated runs means that the stage decides at random.
func (k *kit) checkConserved(p *plan, t *trace) error {
	err := k.conserve(p, t)
	if err == nil {
		return nil
	}
	steady := func() bool {
		again := k.conserve(p, t)
		return again != nil && again.Error() == err.Error()
	}
	if by := k.chance(p, t, steady); by != nil {
		return by.or(&difference{text: fmt.Sprintf("(in a chain: %v)", err)}).unsteady(t.name)
	}
	return err
}

// conserve compares the verdicts and counters of a chain with those of the stage alone.
// Each packet has memory of its own, so that kept memory has no effect here.
func (k *kit) conserve(p *plan, t *trace) error {
	s, err := k.make()
	if err != nil {
		return err
	}
	var now prepared
	// A chain cannot recover from runtime.Goexit.
	if e := fault.Catch(func() { err = k.conserveIn(p, t, s, &now) }); e != nil {
		return wrong("%s did not return in a chain, but did when it was called alone: %v", now.running(t.name), e)
	}
	return err
}

func (k *kit) conserveIn(p *plan, t *trace, s pipeline.Stage, now *prepared) error {
	track, err := newTrack(s, p.position)
	if err != nil {
		return wrong("the chain refuses the stage: %v", err)
	}
	for _, e := range p.events {
		if e.packet == nil {
			e.notice.tellChain(track.chain)
			continue
		}
		packet := new(pipeline.Packet)
		mount(make([]byte, newLayout(e.packet).end), packet, e.packet, p.position)
		if k.prepare != nil {
			now.preparing = true
			k.prepare(packet)
			now.preparing = false
		}
		if e.packet.warmed.Epoch != 0 {
			track.chain.Warm(e.packet.warmed.Session, e.packet.warmed.Epoch, e.packet.counter)
		}
		v := track.process(packet, e.packet)
		if track.panicked != nil {
			break
		}
		if v != t.final[e.packet.number] {
			return wrong("stage %q: in a chain a packet ended with verdict %d instead of %d: packets are not conserved (%s)",
				t.name, v, t.final[e.packet.number], p.describe(e.packet))
		}
	}
	if track.panicked != nil {
		return wrong("stage %q panicked in a chain, but not when it was called alone: %v", t.name, track.panicked)
	}
	track.chain.Publish()
	return k.checkCounts(p, t, track)
}

func (k *kit) checkCounts(p *plan, t *trace, track *track) error {
	got, want := track.chain.Counts(), p.counts(t, track)
	var packets, messages uint64
	for _, d := range got.Drops {
		packets, messages = packets+d.Packets, messages+d.Messages
		if d.Stage != t.name {
			continue
		}
		if d.Packets+d.Messages != want.drops[d.Reason] {
			return wrong("stage %q: it dropped %d as %q, but %d were counted: packets are not conserved", t.name, want.drops[d.Reason], d.Reason, d.Packets+d.Messages)
		}
	}
	for _, level := range []struct {
		name     string
		in, want uint64
		got      pipeline.Tally
		drops    uint64
	}{
		{"packets", got.Packets.In, want.packets, got.Packets, packets},
		{"messages", got.Messages.In, want.messages, got.Messages, messages},
	} {
		if level.in != level.want || level.in != level.got.Accepted+level.got.Consumed+level.drops {
			return wrong("stage %q: %d %s went in, %d were counted, %d as accepted, %d as consumed, %d as dropped: they are not conserved",
				t.name, level.want, level.name, level.in, level.got.Accepted, level.got.Consumed, level.drops)
		}
	}
	return nil
}

// expected holds the counts that a chain must show.
type expected struct {
	packets, messages uint64
	drops             map[string]uint64
}

func (p *plan) counts(t *trace, track *track) expected {
	e := expected{drops: map[string]uint64{}}
	n := uint64(p.packets)
	e.packets = n
	switch p.position {
	case Messages, OutMessages:
		e.messages = n
	case Opened, Fresh:
		e.messages = uint64(len(t.seen)) - n // one observation of each packet, and one of each message
	}
	for _, s := range t.seen {
		if s.verdict.Dropped() {
			e.drops[t.reasons[s.verdict-pipeline.DropFirst]]++
		}
	}
	if track.packs {
		e.drops["too_large"] = uint64(t.tooLarge)
	}
	return e
}
