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
)

// Builder puts stages in order. Its methods return the Builder itself; the
// first mistake is kept and returned by Build. Not safe for concurrent use.
type Builder[C Inbound | Outbound] struct {
	stages []Stage
	guards map[string]string // what must stay guarded: words to stage name
	packer string            // outbound: the stage that must stay, if there was one
	out    bool
	err    error
}

// NewInbound starts a chain for received packets. Every [Guard] among the
// stages must be there still when it is built.
func NewInbound(stages ...Stage) *Builder[Inbound] { return newBuilder[Inbound](false, stages) }

// NewOutbound starts a chain for packets to be sent.
func NewOutbound(stages ...Stage) *Builder[Outbound] { return newBuilder[Outbound](true, stages) }

func newBuilder[C Inbound | Outbound](out bool, stages []Stage) *Builder[C] {
	b := &Builder[C]{stages: slices.Clone(stages), guards: map[string]string{}, out: out}
	for _, s := range stages {
		if g, ok := s.(Guard); ok {
			b.guards[g.Guards()] = s.Name()
		}
		if _, ok := s.(Packer); ok && out {
			b.packer = s.Name()
		}
	}
	return b
}

// InsertBefore puts s just before the stage named anchor.
func (b *Builder[C]) InsertBefore(anchor string, s Stage) *Builder[C] { return b.insert(anchor, 0, s) }

// InsertAfter puts s just behind the stage named anchor.
func (b *Builder[C]) InsertAfter(anchor string, s Stage) *Builder[C] { return b.insert(anchor, 1, s) }

func (b *Builder[C]) insert(anchor string, offset int, s Stage) *Builder[C] {
	if i := b.find(anchor); i >= 0 {
		b.stages = slices.Insert(b.stages, i+offset, s)
	}
	return b
}

// Replace puts s in the place of the stage named name. In the place of a
// [Guard], s must guard against the same.
func (b *Builder[C]) Replace(name string, s Stage) *Builder[C] {
	if i := b.find(name); i >= 0 {
		b.stages[i] = s
	}
	return b
}

// Remove takes out the stage named name. A [Guard] cannot be spared unless
// Build is told so by [InsecureWithout].
func (b *Builder[C]) Remove(name string) *Builder[C] {
	if i := b.find(name); i >= 0 {
		b.stages = slices.Delete(b.stages, i, i+1)
	}
	return b
}

// find returns the position of the stage named name, and keeps the error if
// there is none.
func (b *Builder[C]) find(name string) int {
	i := slices.IndexFunc(b.stages, func(s Stage) bool { return s != nil && s.Name() == name })
	if i < 0 && b.err == nil {
		b.err = fmt.Errorf("%w: %q is not in the chain %q", ErrUnknownAnchor, name, b.Names())
	}
	return i
}

// Names returns the names of the stages in their present order.
func (b *Builder[C]) Names() []string {
	var names []string
	for _, s := range b.stages {
		if s != nil {
			names = append(names, s.Name())
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
		o(&r)
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
		c.init(slices.Clone(b.stages))
	case *Outbound:
		c.init(slices.Clone(b.stages))
	}
	return c, nil
}

func (b *Builder[C]) checkNames() error {
	seen := map[string]bool{}
	for i, s := range b.stages {
		if s == nil {
			return fmt.Errorf("%w: stage %d is nil", ErrStage, i)
		}
		if !validName(s.Name()) {
			return fmt.Errorf("%w: stage %d has the name %q; use lower-case letters, digits and underscores", ErrStage, i, s.Name())
		}
		if seen[s.Name()] {
			return fmt.Errorf("%w: %q", ErrDuplicate, s.Name())
		}
		seen[s.Name()] = true
		if err := checkReasons(s); err != nil {
			return err
		}
	}
	return nil
}

func checkReasons(s Stage) error {
	reasons := s.Reasons()
	if len(reasons) > MaxReasons {
		return fmt.Errorf("%w: %q names %d reasons, at most %d are possible", ErrStage, s.Name(), len(reasons), MaxReasons)
	}
	for i, r := range reasons {
		if !validName(r) || r == "unspecified" || r == "panic" {
			return fmt.Errorf("%w: %q has the reason %q; use lower-case letters, digits and underscores, and not the names unspecified and panic", ErrStage, s.Name(), r)
		}
		if slices.Contains(reasons[:i], r) {
			return fmt.Errorf("%w: %q names the reason %q twice", ErrStage, s.Name(), r)
		}
	}
	return nil
}

func validName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != ""
}

func (b *Builder[C]) checkGuards(r rules) error {
	have := map[string]bool{}
	for _, s := range b.stages {
		if g, ok := s.(Guard); ok {
			have[g.Guards()] = true
		}
	}
	var missing []string
	for words, name := range b.guards {
		if !have[words] && !slices.Contains(r.without, name) {
			missing = append(missing, fmt.Sprintf("%q, which guards against %s", name, words))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return fmt.Errorf("%w: %s; InsecureWithout(name) allows it", ErrUnguarded, missing[0])
}

func (b *Builder[C]) checkOrder() error {
	cipher := b.index(func(s Stage) bool {
		if b.out {
			_, ok := s.(Sealer)
			return ok
		}
		_, ok := s.(Opener)
		return ok
	})
	joint := b.index(func(s Stage) bool {
		if b.out {
			_, ok := s.(Packer)
			return ok
		}
		_, ok := s.(Splitter)
		return ok
	})
	if cipher >= 0 {
		if err := b.checkPlaintext(cipher); err != nil {
			return err
		}
	}
	return b.checkJoint(joint)
}

func (b *Builder[C]) index(is func(Stage) bool) int { return slices.IndexFunc(b.stages, is) }

// checkPlaintext refuses readers of plaintext on the sealed side of the cipher.
func (b *Builder[C]) checkPlaintext(cipher int) error {
	sealedSide, place := b.stages[:cipher], "before"
	if b.out {
		sealedSide, place = b.stages[cipher+1:], "behind"
	}
	for _, s := range sealedSide {
		if r, ok := s.(PlaintextReader); !ok || r.ReadsPlaintext() {
			return fmt.Errorf("%w: %q may read plaintext and stands %s %q, where there is none; move it to the other side, or let it declare ReadsPlaintext() false",
				ErrOrder, s.Name(), place, b.stages[cipher].Name())
		}
	}
	return nil
}

// checkJoint refuses a second splitter or packer, and guards of packets among
// the stages that see only messages.
func (b *Builder[C]) checkJoint(joint int) error {
	if b.packer != "" && joint < 0 {
		return fmt.Errorf("%w: %q is gone, and nothing else makes packets of messages", ErrOrder, b.packer)
	}
	for i, s := range b.stages {
		_, splits := s.(Splitter)
		_, packs := s.(Packer)
		if (splits && !b.out || packs && b.out) && i != joint {
			return fmt.Errorf("%w: %q and %q both divide packets from messages", ErrOrder, b.stages[joint].Name(), s.Name())
		}
		_, guards := s.(Guard)
		if messageSide := joint >= 0 && (i > joint) != b.out && i != joint; guards && messageSide {
			return fmt.Errorf("%w: %q guards whole packets and stands among the stages that see single messages, on the wrong side of %q",
				ErrOrder, s.Name(), b.stages[joint].Name())
		}
		if _, seals := s.(Sealer); seals && b.out && i < joint {
			return fmt.Errorf("%w: %q seals packets and stands before %q, which makes them", ErrOrder, s.Name(), b.stages[joint].Name())
		}
	}
	return nil
}
