package pipeline

import (
	"errors"
	"fmt"
	"slices"
)

// Errors of Build, for errors.Is.
var (
	// ErrDuplicate: two stages have one name.
	ErrDuplicate = errors.New("pipeline: duplicate stage name")
	// ErrUnknownAnchor: no stage has the name that was given.
	ErrUnknownAnchor = errors.New("pipeline: unknown stage")
	// ErrOrder: a stage stands where it must not.
	ErrOrder = errors.New("pipeline: unsafe order")
	// ErrUnguarded: a protecting stage has been taken out.
	ErrUnguarded = errors.New("pipeline: protecting stage missing")
	// ErrStage: a stage is nil or declares unusable names.
	ErrStage = errors.New("pipeline: invalid stage")

	errNil = errors.New("it is nil")
)

// Builder puts stages in order. Its methods return the Builder itself; the
// first mistake is kept and returned by Build. Not safe for concurrent use.
type Builder[C Inbound | Outbound] struct {
	members []member
	guards  map[string]string // what must stay guarded: words to stage name
	packer  string            // outbound: the stage that must stay, if there was one
	err     error
}

// NewInbound starts a chain for received packets. Every [Guard] among the
// stages must be there still when it is built.
func NewInbound(stages ...Stage) *Builder[Inbound] { return newBuilder[Inbound](stages) }

// NewOutbound starts a chain for packets to be sent.
func NewOutbound(stages ...Stage) *Builder[Outbound] { return newBuilder[Outbound](stages) }

func newBuilder[C Inbound | Outbound](stages []Stage) *Builder[C] {
	b := &Builder[C]{guards: map[string]string{}}
	for _, s := range stages {
		m := describe(s)
		if m.guard {
			b.guards[m.against] = m.name
		}
		if b.out() && m.packs() {
			b.packer = m.name
		}
		b.members = append(b.members, m)
	}
	return b
}

// out reports whether the chain is an outbound one.
func (b *Builder[C]) out() bool {
	_, ok := any((*C)(nil)).(*Outbound)
	return ok
}

// InsertBefore puts s just before the stage named anchor.
func (b *Builder[C]) InsertBefore(anchor string, s Stage) *Builder[C] { return b.insert(anchor, 0, s) }

// InsertAfter puts s just behind the stage named anchor.
func (b *Builder[C]) InsertAfter(anchor string, s Stage) *Builder[C] { return b.insert(anchor, 1, s) }

func (b *Builder[C]) insert(anchor string, offset int, s Stage) *Builder[C] {
	if i := b.find(anchor); i >= 0 {
		b.members = slices.Insert(b.members, i+offset, describe(s))
	}
	return b
}

// Replace puts s in the place of the stage named name. In the place of a
// [Guard], s must guard against the same.
func (b *Builder[C]) Replace(name string, s Stage) *Builder[C] {
	if i := b.find(name); i >= 0 {
		b.members[i] = describe(s)
	}
	return b
}

// Remove takes out the stage named name. A [Guard] cannot be spared unless
// Build is told so by [InsecureWithout].
func (b *Builder[C]) Remove(name string) *Builder[C] {
	if i := b.find(name); i >= 0 {
		b.members = slices.Delete(b.members, i, i+1)
	}
	return b
}

// find returns the position of the stage named name, and keeps the error if
// there is none.
func (b *Builder[C]) find(name string) int {
	i := slices.IndexFunc(b.members, func(m member) bool { return m.stage != nil && m.name == name })
	if i < 0 && b.err == nil {
		b.err = fmt.Errorf("%w: %q is not in the chain %q", ErrUnknownAnchor, name, b.Names())
	}
	return i
}

// Names returns the names of the stages in their present order.
func (b *Builder[C]) Names() []string {
	var names []string
	for _, m := range b.members {
		if m.stage != nil {
			names = append(names, m.name)
		}
	}
	return names
}

// Option changes what Build accepts.
type Option func(*rules)

type rules struct{ without []string }

// InsecureWithout lets Build pass although the protecting stage of that name
// has been taken out of the chain. What it guarded against is then not guarded
// against; its uses are tests and chains for closed laboratories.
func InsecureWithout(name string) Option {
	return func(r *rules) { r.without = append(r.without, name) }
}

// Build checks the order and returns the chain, which further use of b does
// not change. It refuses duplicate names, unknown anchors, a stage that could
// read plaintext on the sealed side of the cipher, per-packet guards behind
// the splitter, and a missing [Guard].
func (b *Builder[C]) Build(opts ...Option) (*C, error) {
	var r rules
	for _, o := range opts {
		if o != nil {
			o(&r)
		}
	}
	if b.err != nil {
		return nil, b.err
	}
	if err := b.checkNames(); err != nil {
		return nil, err
	}
	if err := b.checkGuards(r); err != nil {
		return nil, err
	}
	if err := b.checkOrder(); err != nil {
		return nil, err
	}
	c := new(C)
	switch c := any(c).(type) {
	case *Inbound:
		c.init(slices.Clone(b.members))
	case *Outbound:
		c.init(slices.Clone(b.members))
	}
	return c, nil
}
