package pipeline

import (
	"fmt"
	"slices"
)

func (b *Builder[C]) checkNames() error {
	seen := map[string]bool{}
	for i := range b.members {
		m := &b.members[i]
		if m.err != nil {
			return fmt.Errorf("%w: stage %d %q, a %T: %w", ErrStage, i, m.name, m.stage, m.err)
		}
		if !validName(m.name) {
			return fmt.Errorf("%w: stage %d has the name %q; use lower-case letters, digits and underscores", ErrStage, i, m.name)
		}
		if seen[m.name] {
			return fmt.Errorf("%w: %q", ErrDuplicate, m.name)
		}
		seen[m.name] = true
		if err := b.checkReasons(m); err != nil {
			return err
		}
	}
	return nil
}

func (b *Builder[C]) checkReasons(m *member) error {
	if n := len(m.reasons); n > MaxReasons {
		return fmt.Errorf("%w: %q names %d reasons, at most %d are possible", ErrStage, m.name, n, MaxReasons)
	}
	reserved := builtinReasons(m, b.out())
	for i, r := range m.reasons {
		if !validName(r) || slices.Contains(reserved, r) {
			return fmt.Errorf("%w: %q has the reason %q; use lower-case letters, digits and underscores, and none of the names %q", ErrStage, m.name, r, reserved)
		}
		if slices.Contains(m.reasons[:i], r) {
			return fmt.Errorf("%w: %q names the reason %q twice", ErrStage, m.name, r)
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
	for _, m := range b.members {
		if m.guard {
			have[m.against] = true
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
	opens, divides := (*member).opens, (*member).splits
	if b.out() {
		opens, divides = (*member).seals, (*member).packs
	}
	if cipher := b.index(opens); cipher >= 0 {
		if err := b.checkPlaintext(cipher); err != nil {
			return err
		}
	}
	return b.checkJoint(b.index(divides))
}

func (b *Builder[C]) index(is func(*member) bool) int {
	for i := range b.members {
		if is(&b.members[i]) {
			return i
		}
	}
	return -1
}

// checkPlaintext returns an error if a stage may read plaintext where packets are
// sealed.
func (b *Builder[C]) checkPlaintext(cipher int) error {
	sealedSide, place := b.members[:cipher], "before"
	if b.out() {
		sealedSide, place = b.members[cipher+1:], "after"
	}
	for _, m := range sealedSide {
		if !m.blind {
			return fmt.Errorf("%w: %q may read plaintext and is %s %q, where packets are sealed; move it to the other side, or let it declare ReadsPlaintext() false",
				ErrOrder, m.name, place, b.members[cipher].name)
		}
	}
	return nil
}

// checkJoint returns an error if there is a second splitter or packer, or a guard of
// packets among the stages that process single messages.
func (b *Builder[C]) checkJoint(joint int) error {
	if b.packer != "" && joint < 0 {
		return fmt.Errorf("%w: %q was removed, and no other stage packs messages into packets", ErrOrder, b.packer)
	}
	out := b.out()
	for i := range b.members {
		m := &b.members[i]
		if (m.splits() && !out || m.packs() && out) && i != joint {
			return fmt.Errorf("%w: %q and %q are both splitters or both packers; a chain has one", ErrOrder, b.members[joint].name, m.name)
		}
		if messageSide := joint >= 0 && (i > joint) != out && i != joint; m.guard && messageSide {
			return fmt.Errorf("%w: %q guards whole packets, but is among the stages that process single messages, on the wrong side of %q",
				ErrOrder, m.name, b.members[joint].name)
		}
		if m.seals() && out && i < joint {
			return fmt.Errorf("%w: %q seals packets, but is before %q, which makes them", ErrOrder, m.name, b.members[joint].name)
		}
	}
	return nil
}
