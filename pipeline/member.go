package pipeline

import "fmt"

// MaxGrowth is the largest value in bytes that the MaxGrowth method of a [Grower] may
// return: more than any datagram holds.
const MaxGrowth = 65535

// member is a stage with its declarations. A stage is asked for them once, when it is
// passed to a [Builder], so that they cannot change later.
type member struct {
	stage   Stage
	name    string
	reasons []string
	guard   bool
	against string // of a guard
	blind   bool   // declares that it reads no plaintext
	growth  int
	err     error // why the stage cannot be used
}

// describe asks s for its declarations. If s panics, that is the member's error.
func describe(s Stage) (m member) {
	asked := "Name"
	defer func() {
		if r := recover(); r != nil {
			m.err = fmt.Errorf("its %s panicked: %v", asked, r)
		}
	}()
	if m.stage = s; s == nil {
		m.err = errNil
		return m
	}
	m.name = s.Name()
	asked = "Reasons"
	m.reasons = append(m.reasons, s.Reasons()...)
	asked = "Guards"
	if g, ok := s.(Guard); ok {
		m.guard, m.against = true, g.Guards()
	}
	asked = "ReadsPlaintext"
	if r, ok := s.(PlaintextReader); ok {
		m.blind = !r.ReadsPlaintext()
	}
	asked = "MaxGrowth"
	if g, ok := s.(Grower); ok {
		if m.growth = g.MaxGrowth(); m.growth < 0 || m.growth > MaxGrowth {
			m.err = fmt.Errorf("its MaxGrowth is %d, must be from 0 to %d", m.growth, MaxGrowth)
		}
	}
	return m
}

func (m *member) splits() bool { return is[Splitter](m) }
func (m *member) packs() bool  { return is[Packer](m) }
func (m *member) opens() bool  { return is[Opener](m) }
func (m *member) seals() bool  { return is[Sealer](m) }

// is reports whether the member's stage implements T.
func is[T any](m *member) bool {
	_, ok := m.stage.(T)
	return ok
}
