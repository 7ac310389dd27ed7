package conn

import "github.com/intentra/intentra/wire"

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	// PeerUp: a session with the peer is ready.
	PeerUp EventKind = iota + 1
	// PeerDown: the peer's session has ended, for Reason.
	PeerDown
	// NeedAddress: the driver is to resolve the peer's name and call
	// SetAddress or DialFailed.
	NeedAddress
	// DialEnded: a first dial has come to nothing, for Err. The peer is not
	// dialled any more.
	DialEnded
	// IdentityConflict: the peer's sessions keep replacing each other; two
	// machines probably hold one key.
	IdentityConflict
	// PeerForgotten: nothing refers to the Peer any more.
	PeerForgotten
)

// Event is something that the driver wants to know, in the order of events.
type Event struct {
	Kind   EventKind
	Peer   *Peer
	Reason wire.CloseReason
	Err    error
}

// Events returns what has happened since the last call. The slice is good
// until the next call of a Handle method.
func (e *Endpoint) Events() []Event {
	out := e.events
	e.events, e.spareEvents = e.spareEvents[:0], out
	return out
}

// HasEvents reports whether Events would return any.
func (e *Endpoint) HasEvents() bool { return len(e.events) > 0 }

func (e *Endpoint) emit(ev Event) { e.events = append(e.events, ev) }
