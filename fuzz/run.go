package fuzz

import (
	"bytes"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/pipeline"
)

// memory says what becomes of a packet's memory once the stage has returned.
type memory int

const (
	kept        memory = iota // nothing: it stays as it was left
	overwritten               // it is overwritten, and the Packet used again
	reused                    // both are used again, as in a chain
)

// run is one stage under way.
type run struct {
	*kit
	*trace
	plan   *plan
	memory memory
	stage  pipeline.Stage
	packer pipeline.Packer // the stage, if it is one and stands outbound
	mine   []string        // fields of the Packet that the stage may set
	doing  string          // for a panic

	p    *pipeline.Packet
	buf  []byte // of all packets, if it is reused
	left []leftover
}

// run takes a new stage through the plan, and returns what was seen or the law
// that the stage has broken.
func (k *kit) run(p *plan, m memory) (_ *trace, err error) {
	r := &run{kit: k, plan: p, memory: m, stage: k.newStage(), p: new(pipeline.Packet)}
	r.trace = &trace{name: r.stage.Name(), reasons: slices.Clone(r.stage.Reasons())}
	r.mine = append(fieldsOfKind(r.stage, p.position), k.sets...)
	if p.position == OutMessages {
		r.packer, _ = r.stage.(pipeline.Packer)
	}
	defer func() {
		if v := recover(); v != nil {
			stack := stackOf(string(debug.Stack()))
			err = fault.Of(siteOf(stack), "fuzz: stage %q panicked at %s: %v\nA stage must cope with whatever it is given: look at lengths before indexing.\n%s",
				r.name, r.doing, v, stack)
		}
	}()
	r.buf = make([]byte, p.size)
	for _, e := range p.events {
		if e.packet == nil {
			r.doing = e.notice.String()
			e.notice.tell(r.stage)
			continue
		}
		r.doing = p.describe(e.packet)
		if err := r.give(e.packet); err != nil {
			return nil, err
		}
	}
	return r.trace, r.checkLeftovers()
}

// stackOf leaves of a stack what is between the panic and the kit.
func stackOf(stack string) string {
	if _, after, ok := strings.Cut(stack, "\npanic("); ok {
		_, stack, _ = strings.Cut(after, "\n\t")
		_, stack, _ = strings.Cut(stack, "\n")
	}
	stack, _, _ = strings.Cut(stack, "\n"+reflect.TypeFor[kit]().PkgPath()+".")
	return stack
}

// siteOf returns the line of a stack at which the panic was.
func siteOf(stack string) string {
	_, line, _ := strings.Cut(stack, "\t")
	line, _, _ = strings.Cut(line, " +0x")
	return line
}

// give hands the stage one packet, as the chain does.
func (r *run) give(k *packet) error {
	if r.memory == kept {
		r.p = new(pipeline.Packet)
	}
	buf := r.buf
	if r.memory != reused {
		buf = make([]byte, newLayout(k).end)
	}
	a := &arena{layout: mount(buf, r.p, k, r.plan.position), packet: k, buf: buf}
	if r.prepare != nil {
		r.prepare(r.p)
	}
	a.hold(r.p)
	final, err := r.process(a)
	if err != nil {
		return err
	}
	if s, ok := r.stage.(pipeline.Settler); ok && r.plan.position != OutMessages {
		a.given = fieldsOf(r.p)
		s.Settle(r.p, final)
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
	case kept:
		r.left = append(r.left, leftover{a, bytes.Clone(a.buf), r.p, stateOf(r.p)})
	case overwritten:
		a.scribble(k.number)
		r.left = append(r.left, leftover{arena: a, image: bytes.Clone(a.buf)})
	}
	return nil
}

// process has the stage decide about the packet, and yield its messages if it is
// a splitter. It returns the packet's verdict.
func (r *run) process(a *arena) (pipeline.Verdict, error) {
	grown := len(r.p.Payload())
	size := 0
	if r.packer != nil {
		a.packs = true
		if size = r.packer.Size(r.p); size > a.packet.room {
			return pipeline.Accept, nil // left for the next packet
		}
	}
	v := r.stage.Process(r.p)
	if err := r.saw(a, v); err != nil {
		return v, err
	}
	if v == pipeline.Accept && r.packer != nil {
		if n := len(r.p.Data) - len(a.before); n != size {
			return v, wrong("stage %q said that it would append %d bytes, and appended %d: Size must tell exactly what Process does (%s)", r.name, size, n, r.doing)
		}
	}
	if v == pipeline.Accept && r.packer == nil && r.plan.position == OutMessages {
		if grown = len(r.p.Payload()) - grown; grown > growthOf(r.stage) {
			return v, wrong("stage %q made a message longer by %d bytes and has declared %d: let its MaxGrowth return the most that it adds (%s)", r.name, grown, growthOf(r.stage), r.doing)
		}
	}
	if s, ok := splitterAt(r.stage, r.plan.position); ok && v == pipeline.Accept {
		return v, r.split(a, s)
	}
	if r.plan.position == Messages {
		return pipeline.Accept, nil // whatever became of the message
	}
	return ending(r.plan.position, a.packet, r.p, v), nil
}

// ending is what the stages behind make of a packet that has verdict v so far.
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

// splitterAt returns the stage as the splitter of the chain, if it is that.
func splitterAt(s pipeline.Stage, position Position) (pipeline.Splitter, bool) {
	splitter, ok := s.(pipeline.Splitter)
	return splitter, ok && position.inbound()
}

// split takes all messages out of the packet.
func (r *run) split(a *arena, s pipeline.Splitter) error {
	const most = 1 << 16
	for range most {
		v, ok := s.Next(r.p)
		if !ok {
			return nil
		}
		if err := r.saw(a, v); err != nil {
			return err
		}
	}
	return wrong("stage %q yields more than %d messages of one packet: Next must come to an end (%s)", r.name, most, r.doing)
}

// saw records what a call has left behind, after a look at the laws.
func (r *run) saw(a *arena, v pipeline.Verdict) error {
	if !r.declared(v) {
		hint := "which is none of the stage's: return Accept, Consumed, or DropFirst+i for the i-th of Reasons"
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
	if now := r.stage.Reasons(); r.stage.Name() != r.name || !slices.Equal(now, r.reasons) {
		return wrong("stage %q with reasons %q became %q with %q: the chain reads names once, so they must stay the same", r.name, r.reasons, r.stage.Name(), now)
	}
	r.seen = append(r.seen, sight{
		a.packet, v, bytes.Clone(r.p.Data), bytes.Clone(r.p.Payload()), bytes.Clone(r.p.Reply), fieldsOf(r.p),
	})
	return nil
}

// broke is an error that has what was broken for its cause.
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
