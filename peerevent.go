package intentra

import (
	"errors"
	"fmt"
)

// PeerEvent reports that a peer has connected, restarted or disconnected.
type PeerEvent struct {
	Peer *Peer
	// Kind says what has happened.
	Kind PeerEventKind
	// Session is the number of the session that has begun or ended; see
	// [Peer.Session].
	Session uint64
	// Reason says why the peer has disconnected.
	Reason CloseReason
	// Reconnecting is true if the peer has disconnected and this side is dialling
	// it again.
	Reconnecting bool
}

// Fresh reports whether the peer has connected and may remember nothing of this side,
// or this side nothing of the peer: its process has restarted, or it is the first
// session since this side started or forgot the peer ([Config.ForgetAfter]). That is
// when to send what a peer must know, such as a map or a subscription.
func (e PeerEvent) Fresh() bool {
	return e.Kind == PeerRestarted || e.Kind == PeerUp && e.Session == 1
}

// PeerEventKind is the kind of a [PeerEvent]. Its text form is "up", "restarted" or
// "down".
type PeerEventKind uint8

// The kinds of events.
const (
	// PeerUp means that the peer has connected. After the first session it is still
	// the same process and has kept its state. In the first session (Session is 1)
	// this is not known; see [PeerEvent.Fresh].
	PeerUp PeerEventKind = iota + 1
	// PeerRestarted means that the peer has connected and that its process is not
	// that of its previous session: it has restarted and remembers nothing. It
	// comes instead of PeerUp, with or without a PeerDown before it.
	PeerRestarted
	// PeerDown means that the peer has disconnected.
	PeerDown
)

var peerEventKinds = [...]string{PeerUp: "up", PeerRestarted: "restarted", PeerDown: "down"}

// String returns the text form of the kind, "invalid" for an unknown one.
func (k PeerEventKind) String() string {
	if k < PeerUp || k > PeerDown {
		return "invalid"
	}
	return peerEventKinds[k]
}

// MarshalText returns the text form of the kind, or an error for an unknown one.
func (k PeerEventKind) MarshalText() ([]byte, error) {
	if k < PeerUp || k > PeerDown {
		return nil, fmt.Errorf("intentra: no kind of event has the number %d", k)
	}
	return []byte(k.String()), nil
}

// UnmarshalText parses the text form of a kind. The error lists the kinds.
func (k *PeerEventKind) UnmarshalText(text []byte) error {
	if k == nil {
		return errors.New("intentra: the *PeerEventKind is nil")
	}
	for i := PeerUp; i <= PeerDown; i++ {
		if string(text) == peerEventKinds[i] {
			*k = i
			return nil
		}
	}
	return fmt.Errorf("intentra: unknown kind of event %q: want up, restarted or down", text)
}
