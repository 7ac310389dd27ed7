package pipeline

import (
	"errors"
	"fmt"
)

// Priority decides which of the messages that wait for one peer leaves first. Its text
// form is "low", "normal", "high" or "urgent". The zero Priority is Normal.
type Priority int8

// The priorities, which must stay in order and without a gap.
const (
	// Low is for what may wait, such as logs and maps.
	Low Priority = iota - 1
	// Normal is the priority of a message without one.
	Normal
	// High is for what should not wait for the usual traffic.
	High
	// Urgent is for what must leave first, such as a command to stop.
	Urgent
)

// Priorities is the number of priorities.
const Priorities = int(Urgent-Low) + 1

var priorityNames = [Priorities]string{"low", "normal", "high", "urgent"}

// Valid reports whether p is one of the priorities.
func (p Priority) Valid() bool { return p >= Low && p <= Urgent }

// String returns the text form of the priority, "invalid" for an unknown one.
func (p Priority) String() string {
	if !p.Valid() {
		return "invalid"
	}
	return priorityNames[p-Low]
}

// MarshalText returns the text form of the priority, or an error for an unknown one.
func (p Priority) MarshalText() ([]byte, error) {
	if !p.Valid() {
		return nil, fmt.Errorf("intentra: no priority has the number %d", int8(p))
	}
	return []byte(p.String()), nil
}

// UnmarshalText parses the text form of a priority. The error lists the priorities.
func (p *Priority) UnmarshalText(text []byte) error {
	if p == nil {
		return errors.New("intentra: the *Priority is nil")
	}
	for i, name := range priorityNames {
		if string(text) == name {
			*p = Low + Priority(i)
			return nil
		}
	}
	return fmt.Errorf("intentra: unknown priority %q: want low, normal, high or urgent", text)
}
