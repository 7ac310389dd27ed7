package sendq

import "github.com/intentra/intentra/pipeline"

// Message is a message to be queued. Most have no more than a channel, an intent and a
// payload.
type Message struct {
	Channel  uint32
	Intent   pipeline.Intent
	Priority pipeline.Priority
	Payload  []byte
	// The fields below are those of Mark.
	Token   uint64
	Sent    pipeline.Time
	Expires pipeline.Time
	Ask     bool
	Origin  uint64
	Within  uint32
}

// Mark is what its sender wants to know of a message, for how long it is of use, and when
// it was created.
type Mark struct {
	// Token identifies the message in its Decision. Zero means no Decision.
	Token uint64
	// Sent is when the message was pushed. It is required with a Token.
	Sent pipeline.Time
	// Expires is from when on the message must not leave any more; zero: never.
	Expires pipeline.Time
	// Ask has the packet that carries the message request an acknowledgement.
	Ask bool
	// Origin is when the message was created and Within the error of that, as in an
	// Origin frame. Zero means that the message does not say.
	Origin uint64
	Within uint32
}

// SetMark sets the fields of m that are those of a Mark.
func (m *Message) SetMark(k Mark) {
	m.Token, m.Sent, m.Expires, m.Ask, m.Origin, m.Within = k.Token, k.Sent, k.Expires, k.Ask, k.Origin, k.Within
}

// mark returns the Mark of m.
func (m *Message) mark() Mark { return Mark{m.Token, m.Sent, m.Expires, m.Ask, m.Origin, m.Within} }

// marked reports whether m has a Mark.
func (m *Message) marked() bool { return m.Token|uint64(m.Expires)|m.Origin != 0 || m.Ask }
