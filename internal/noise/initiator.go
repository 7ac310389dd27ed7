package noise

import "github.com/intentra/intentra/wire"

// Initiator is the side of a handshake that writes first. Make it with
// NewInitiator: the zero value returns ErrState from all methods, as does an
// Initiator whose handshake is over. It holds no more than a few hundred bytes
// and the payload of message 1. Not safe for concurrent use.
type Initiator struct{ m machine }

// NewInitiator starts a handshake as the owner of s. Both sides must have the
// same prologue, of any length. ephemeral is 32 bytes of fresh secret
// randomness, for this handshake and no other; the caller overwrites its own
// copy. Errors are ErrKey and ErrSuite.
func NewInitiator(suite wire.Suite, s *Static, prologue []byte, ephemeral [KeySize]byte) (*Initiator, error) {
	m, err := newMachine(true, suite, s, prologue, &ephemeral)
	if err != nil {
		return nil, err
	}
	return &Initiator{m}, nil
}

// WriteInit returns message 1, 32 bytes longer than the payload, which it
// carries in the clear. The caller keeps it for retries: there is no second
// WriteInit. The error is ErrLength for a payload that is too long.
func (h *Initiator) WriteInit(payload []byte) ([]byte, error) {
	msg, _, _, err := h.m.write(1, payload)
	return msg, err
}

// ReadResponse takes message 2 and returns a copy of its payload and the static
// key of its writer, who has proved to hold it. The length is looked at before
// anything else: it must be payloadSize and 96 bytes.
//
// That the writer is the peer that was wanted is for the caller to see, who
// goes on with WriteFinal if so and with Reject if not. Errors are ErrLength
// and what wraps ErrMessage; after either one the genuine message 2 is accepted
// as if nothing had happened. A refused message of the right length costs one
// or two X25519 multiplications.
func (h *Initiator) ReadResponse(msg []byte, payloadSize int) (payload []byte, remote [KeySize]byte, err error) {
	payload, _, _, err = h.m.read(2, msg, payloadSize)
	if err != nil {
		return nil, remote, err
	}
	return payload, h.m.remote(), nil
}

// Reject takes the ReadResponse before it back, so that another message 2 can
// be read. Anyone who has seen message 1 can answer it with a static key of
// their own before the wanted peer does.
func (h *Initiator) Reject() error {
	if h.m.expect != 3 {
		return ErrState
	}
	h.m.expect = 2
	h.m.state = nil
	return nil
}

// WriteFinal returns message 3, 64 bytes longer than the payload, and ends the
// handshake. The payload is encrypted to the static key that ReadResponse
// returned. The error is ErrLength for a payload that is too long.
func (h *Initiator) WriteFinal(payload []byte) ([]byte, Keys, error) {
	msg, c1, c2, err := h.m.write(3, payload)
	if err != nil {
		return nil, Keys{}, err
	}
	// Section 5.3: the first cipher state is for the initiator's messages.
	return msg, h.m.finish(c1, c2), nil
}

// Wipe ends the handshake, if it is not over, and overwrites what it can of the
// secrets; see dh.wipe. On a nil Initiator it does nothing.
func (h *Initiator) Wipe() {
	if h != nil {
		h.m.close()
	}
}
