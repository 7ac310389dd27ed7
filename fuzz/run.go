package fuzz

import (
	"bytes"
	"slices"

	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// memory says what happens to a packet's memory after the stage has returned.
type memory int

const (
	kept        memory = iota // it is left as it is
	warmed                    // it is left as it is, and Warm is called before each packet
	overwritten               // it is overwritten, and the Packet is reused
	reused                    // both are reused, as in a chain
)

// run is the state of one run of a plan with a new stage.
type run struct {
	*kit
	*trace
	plan   *plan
	memory memory
	stage  pipeline.Stage
	packer pipeline.Packer // the stage, if it is a packer in an outbound position
	growth int             // that the stage declares
	mine   []string        // fields of the Packet that the stage may set
	doing  string          // what the stage is called for, for failures

	p    *pipeline.Packet
	buf  []byte // for all packets, if memory is reused
	left []leftover
}

// run runs the plan with a new stage. It returns what was observed, up to the first
// check that failed, and that failure.
func (k *kit) run(p *plan, m memory) (*trace, error) {
	s, err := k.make()
	if err != nil {
		return new(trace), err
	}
	r := &run{kit: k, trace: new(trace), plan: p, memory: m, stage: s, p: new(pipeline.Packet), doing: "Name and Reasons"}
	if e := fault.Catch(func() { err = r.all() }); e != nil {
		err = e.Error("fuzz", r.running(r.name), "at "+r.doing, r.advice())
	}
	return r.trace, err
}

func (r *run) advice() string {
	if r.preparing {
		return "Prepare is called with the same packets as the stage, of any length: it must leave those alone that are too short."
	}
	return "A stage must handle any input: check lengths before indexing."
}

func (r *run) all() error {
	r.name, r.reasons = r.stage.Name(), slices.Clone(r.stage.Reasons())
	r.growth = growthOf(r.stage)
	r.mine = append(fieldsOfKind(r.stage, r.plan.position), r.sets...)
	if r.plan.position == OutMessages {
		r.packer, _ = r.stage.(pipeline.Packer)
	}
	r.buf = make([]byte, r.plan.size)
	for _, e := range r.plan.events {
		if e.packet == nil {
			r.doing = e.notice.String()
			e.notice.tell(r.stage)
			continue
		}
		r.doing = r.plan.describe(e.packet)
		if err := r.give(e.packet); err != nil {
			return err
		}
	}
	return r.checkLeftovers()
}

// give passes one packet to the stage, as the chain does.
func (r *run) give(k *packet) error {
	r.warm(k)
	if r.memory == kept || r.memory == warmed {
		r.p = new(pipeline.Packet)
	}
	buf := r.buf
	if r.memory != reused {
		buf = make([]byte, newLayout(k).end)
	}
	a := &arena{layout: mount(buf, r.p, k, r.plan.position), packet: k, buf: buf}
	if err := r.ready(a); err != nil {
		return err
	}
	final, err := r.process(a)
	if err != nil {
		return err
	}
	if s, ok := r.stage.(pipeline.Settler); ok {
		a.given = fieldsOf(r.p)
		r.during("Settle", func() { s.Settle(r.p, settled(r.plan.position, final)) })
		broken := a.check(r.p, r.plan.position)
		if broken == "" {
			broken = checkFields(a.given, fieldsOf(r.p), nil)
		}
		if broken != "" {
			return r.broke("stage %q, in Settle, %s (%s)", broken)
		}
	}
	r.final = append(r.final, final)
	switch r.memory {
	case kept, warmed:
		r.left = append(r.left, leftover{a, bytes.Clone(a.buf), r.p, stateOf(r.p)})
	case overwritten:
		a.scribble(k.number)
		r.left = append(r.left, leftover{arena: a, image: bytes.Clone(a.buf)})
	}
	return nil
}

// process calls Process, and for a splitter Next, and returns the packet's verdict.
func (r *run) process(a *arena) (pipeline.Verdict, error) {
	grown := len(r.p.Payload())
	size := 0
	if r.packer != nil {
		var err error
		if size, err = r.size(a); err != nil {
			return pipeline.Drop, err
		}
		if size > a.packet.room {
			r.tooLarge++
			return pipeline.Drop, nil
		}
	}
	v := r.stage.Process(r.p)
	if err := r.saw(a, v); err != nil {
		return v, err
	}
	if r.packer != nil {
		if n := len(r.p.Data) - len(a.before); v == pipeline.Accept && n != size {
			return v, wrong("stage %q: Size returned %d, but Process appended %d bytes: Size must return exactly what Process appends (%s)", r.name, size, n, r.doing)
		}
		if v != pipeline.Accept {
			r.p.Data = r.p.Data[:len(a.before)] // as the chain does
		}
	}
	if v == pipeline.Accept && r.packer == nil && r.plan.position == OutMessages {
		if grown = len(r.p.Payload()) - grown; grown > r.growth {
			return v, wrong("stage %q made a message %d bytes longer, but declares a growth of at most %d: MaxGrowth must return the most that Process adds (%s)", r.name, grown, r.growth, r.doing)
		}
	}
	if s, ok := splitterAt(r.stage, r.plan.position); ok && v == pipeline.Accept {
		return v, r.split(a, s)
	}
	if r.plan.position == Messages {
		return pipeline.Accept, nil // the verdict was the message's
	}
	return ending(r.plan.position, a.packet, r.p, v), nil
}

// size asks a packer for the size of the message, as the chain does before Process.
func (r *run) size(a *arena) (int, error) {
	a.packs = true
	n := 0
	r.during("Size", func() { n = r.packer.Size(r.p) })
	broken := a.check(r.p, r.plan.position)
	if broken == "" && len(r.p.Data) != len(a.before) {
		broken = "changed the length of Data: that is for Process"
	}
	if broken == "" {
		broken = checkFields(a.given, fieldsOf(r.p), nil)
	}
	if broken != "" {
		return n, r.broke("stage %q, in Size, %s (%s)", broken)
	}
	if again := r.packer.Size(r.p); again != n {
		return n, wrong("stage %q: Size returned %d and then %d for the same message: it must not change anything, because a chain may call it several times for a message (%s)", r.name, n, again, r.doing)
	}
	if n < 0 {
		return n, wrong("stage %q: Size returned %d: it must return the number of bytes that Process appends (%s)", r.name, n, r.doing)
	}
	k := a.packet
	if longest := wire.MessageSize(wire.FrameType(k.intent), k.channel, len(k.payload)+r.growth); n > longest {
		return n, wrong("stage %q: Size returned %d, but the message takes %d bytes as a frame, and MaxGrowth declares %d more: MaxGrowth must return the most that the packer adds to a frame, or messages are lost as too_large (%s)",
			r.name, n, wire.MessageSize(wire.FrameType(k.intent), k.channel, len(k.payload)), r.growth, r.doing)
	}
	return n, nil
}

// during calls f, which calls that method of the stage, so that a panic is reported
// with the method.
func (r *run) during(method string, f func()) {
	doing := r.doing
	r.doing = method + ", " + doing
	f()
	r.doing = doing
}

// settled returns the verdict that Settle is called with if a stage at position has
// returned v. The verdict of an outbound message is not that of its packet, which is
// accepted.
func settled(position Position, v pipeline.Verdict) pipeline.Verdict {
	if position == OutMessages {
		return pipeline.Accept
	}
	return v
}

// ending returns the final verdict of a packet that has verdict v so far, and marks it
// as the later stages would.
func ending(position Position, k *packet, p *pipeline.Packet, v pipeline.Verdict) pipeline.Verdict {
	if v != pipeline.Accept || !position.inbound() {
		return v
	}
	if k.refused {
		return pipeline.DropFirst
	}
	p.MarkFresh()
	return v
}

// splitterAt returns s as the splitter of the chain, if it is one at that position.
func splitterAt(s pipeline.Stage, position Position) (pipeline.Splitter, bool) {
	splitter, ok := s.(pipeline.Splitter)
	return splitter, ok && position.inbound()
}

// mostMessages is more than a packet can hold.
const mostMessages = 1 << 16

// split calls Next until there is no further message.
func (r *run) split(a *arena, s pipeline.Splitter) error {
	for range mostMessages {
		var v pipeline.Verdict
		var ok bool
		r.during("Next", func() { v, ok = s.Next(r.p) })
		if !ok {
			return nil
		}
		if err := r.saw(a, v); err != nil {
			return err
		}
	}
	return wrong("stage %q yields more than %d messages of one packet: Next must return false in the end (%s)", r.name, mostMessages, r.doing)
}

// saw checks and records the result of a call.
func (r *run) saw(a *arena, v pipeline.Verdict) error {
	if !r.declared(v) {
		hint := "which the stage does not declare: return Accept, Consumed, or DropFirst+i for the i-th of Reasons"
		if v == pipeline.Drop {
			hint = "which is counted as unspecified: name the reason in Reasons and return DropFirst+i for the i-th"
		}
		return wrong("stage %q returned verdict %d with %d reasons declared, %s (%s)", r.name, v, len(r.reasons), hint, r.doing)
	}
	if broken := a.check(r.p, r.plan.position); broken != "" {
		return r.broke("stage %q %s (%s)", broken)
	}
	if broken := checkFields(a.given, fieldsOf(r.p), r.mine); broken != "" {
		return r.broke("stage %q %s (%s)", broken)
	}
	if now := growthOf(r.stage); now != r.growth {
		return wrong("stage %q: MaxGrowth returned %d and then %d: the chain reads it once, so it must not change (%s)", r.name, r.growth, now, r.doing)
	}
	if now := r.stage.Reasons(); r.stage.Name() != r.name || !slices.Equal(now, r.reasons) {
		return wrong("stage %q with reasons %q became %q with %q: the chain reads them once, so they must not change", r.name, r.reasons, r.stage.Name(), now)
	}
	r.seen = append(r.seen, observationOf(a.packet, v, r.p))
	return nil
}

// broke returns an error whose cause is what was broken.
func (r *run) broke(format, what string) error {
	return fault.Of(causeOf(what), "fuzz: "+format, r.name, what, r.doing)
}

func growthOf(s pipeline.Stage) int {
	if g, ok := s.(pipeline.Grower); ok {
		return g.MaxGrowth()
	}
	return 0
}

func wrong(format string, args ...any) error { return fault.Errorf("fuzz: "+format, args...) }
