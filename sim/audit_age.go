package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
)

// ErrAge is returned when the true age of a message is not within its bound.
var ErrAge = errors.New("wrong age")

// age checks the age of a message that arrives at n. Clocks that have leapt or stood still
// keep no bound.
func (a *audit) age(n *Node, from intentra.PublicKey, m intentra.Message) error {
	sender := a.w.byKey[from]
	if !m.Stamp || sender == nil || sender.clock.leaps+n.clock.leaps > 0 {
		return nil
	}
	if m.Age < -m.Within {
		return fmt.Errorf("%w: %v, give or take %v, is negative", ErrAge, m.Age, m.Within)
	}
	made, ok := a.stream(from, n.key, m).made(fingerprint(m.Payload))
	if !ok {
		return nil // equal messages, or one that was not sent
	}
	if age := time.Duration(a.w.now - made); (age - m.Age).Abs() > m.Within {
		return fmt.Errorf("%w: %v, give or take %v, is %v", ErrAge, m.Age, m.Within, age)
	}
	return nil
}

// made returns when the message with a fingerprint was made, by what its sender knows of
// that, if there is one such message.
func (s *stream) made(f uint64) (at pipeline.Time, ok bool) {
	found := s.find(f)
	if len(found) != 1 {
		return 0, false
	}
	m := &s.sent[s.head+int(found[0]-s.first)]
	return m.at - pipeline.Time(m.age), true
}
