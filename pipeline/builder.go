package pipeline

import (
	"errors"
	"fmt"
	"slices"
)

// Errors of Build, for errors.Is.
var (
	// ErrDuplicate is returned when two stages have the same name.
	ErrDuplicate = errors.New("pipeline: duplicate stage name")
	// ErrUnknownAnchor is returned when no stage has the given name.
	ErrUnknownAnchor = errors.New("pipeline: unknown stage")
	// ErrOrder is returned when a stage is in a position that is unsafe for it.
	ErrOrder = errors.New("pipeline: unsafe order")
	// ErrUnguarded is returned when a [Guard] was removed.
	ErrUnguarded = errors.New("pipeline: protecting stage missing")
	// ErrStage is returned when a stage is nil, panics when it is asked for its
	// declarations, or declares invalid ones.
	ErrStage = errors.New("pipeline: invalid stage")

	errNil = errors.New("it is nil")
)

// Builder arranges stages in a chain. A stage is asked for its name, its reasons
// and its other declarations once, when it is passed to the Builder. The methods
// return the Builder itself; Build returns the first error of any of them. A
// Builder is not safe for concurrent use.
type Builder[C Inbound | Outbound] struct {
	members []member
	guards  map[string]string // names of the original guards, by what they guard against
	packer  string            // name of the original packer of an outbound chain
	err     error
}

// NewInbound returns a Builder of a chain for received packets. Each [Guard] among
// the stages, or one that replaces it, must be in the chain when it is built.
func NewInbound(stages ...Stage) *Builder[Inbound] { return newBuilder[Inbound](stages) }

// NewOutbound returns a Builder of a chain for outgoing packets. Guards are treated
// as by [NewInbound], and a [Packer] must not be removed.
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

// InsertBefore inserts s directly before the stage named anchor.
func (b *Builder[C]) InsertBefore(anchor string, s Stage) *Builder[C] { return b.insert(anchor, 0, s) }

// InsertAfter inserts s directly after the stage named anchor.
func (b *Builder[C]) InsertAfter(anchor string, s Stage) *Builder[C] { return b.insert(anchor, 1, s) }

func (b *Builder[C]) insert(anchor string, offset int, s Stage) *Builder[C] {
	if i := b.find(anchor); i >= 0 {
		b.members = slices.Insert(b.members, i+offset, describe(s))
	}
	return b
}

// Replace replaces the stage named name with s. If that stage is a [Guard], s must
// guard against the same.
func (b *Builder[C]) Replace(name string, s Stage) *Builder[C] {
	if i := b.find(name); i >= 0 {
		b.members[i] = describe(s)
	}
	return b
}

// Remove removes the stage named name. Build then fails for a [Guard], unless
// [InsecureWithout] allows it.
func (b *Builder[C]) Remove(name string) *Builder[C] {
	if i := b.find(name); i >= 0 {
		b.members = slices.Delete(b.members, i, i+1)
	}
	return b
}

// find returns the position of the stage named name. If no stage has that name, it
// records the error and returns -1.
func (b *Builder[C]) find(name string) int {
	i := slices.IndexFunc(b.members, func(m member) bool { return m.stage != nil && m.name == name })
	if i < 0 && b.err == nil {
		b.err = fmt.Errorf("%w: %q is not in the chain %q", ErrUnknownAnchor, name, b.Names())
	}
	return i
}

// Names returns the names of the stages in their current order.
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

// InsecureWithout lets Build succeed although the [Guard] of that name was removed
// from the chain, which is then unprotected against what it guarded against. It is
// for tests and for closed networks.
func InsecureWithout(name string) Option {
	return func(r *rules) { r.without = append(r.without, name) }
}

// Build checks the order of the stages and returns the chain, which later calls of
// b's methods do not change. It returns an error for duplicate names, unknown
// anchors, a stage that may read plaintext where packets are sealed, a guard of
// packets among the stages that process single messages, and a missing [Guard].
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
