package conn

import "github.com/intentra/intentra/wire"

// EventKind is the kind of an [Event].
type EventKind uint8

// The kinds of events.
const (
	// PeerUp means that a session with the peer is ready: the first one, or one
	// after a PeerDown.
	PeerUp EventKind = iota + 1
	// PeerRestarted means that a session with the peer is ready, and that its
	// endpoint is not that of the previous session: it has restarted and remembers
	// nothing. It is emitted instead of PeerUp after a PeerDown, or without one.
	PeerRestarted
	// PeerDown means that the peer's session has ended, for Reason.
	PeerDown
	// NeedAddress asks the driver for the peer's addresses. It answers with
	// [Endpoint.AddAddresses], [Endpoint.SetAddress] or [Endpoint.DialFailed].
	NeedAddress
	// DialEnded means that the peer is not dialled any more: its first dial failed
	// with Err, or it was closed by either side.
	DialEnded
	// IdentityConflict means that the peer's sessions keep replacing each other:
	// two machines probably use one key.
	IdentityConflict
	// PeerForgotten means that the endpoint has released the Peer. If its key
	// connects again, it is a new Peer.
	PeerForgotten
	// AttemptFailed means that the attempts of a first dial to all addresses have failed
	// with Err, and that others follow; see [Config].RetryDial.
	AttemptFailed
)

// Event is something that happened to a peer.
type Event struct {
	Kind    EventKind
	Peer    *Peer
	Session uint64           // of PeerUp, PeerRestarted and PeerDown: numbers the peer's sessions from one
	Reason  wire.CloseReason // of PeerDown and DialEnded
	Err     error            // of DialEnded and AttemptFailed
}

// Events returns the events since the last call, in their order. The slice is
// valid until the next call of a Handle method.
func (e *Endpoint) Events() []Event {
	e.checked()
	out := e.events
	e.events, e.spareEvents = e.spareEvents[:0], out
	return out
}

// HasEvents reports whether Events would return any.
func (e *Endpoint) HasEvents() bool { return len(e.checked().events) > 0 }

func (e *Endpoint) emit(ev Event) { e.events = append(e.events, ev) }
