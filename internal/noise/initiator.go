package noise

import "github.com/intentra/intentra/wire"

// Initiator is the side of a handshake that writes first. The methods of the
// zero value, and those of an Initiator whose handshake has ended, return
// ErrState. An Initiator holds a few hundred bytes and the payload of message 1.
// It is not safe for concurrent use.
type Initiator struct{ m machine }

// NewInitiator starts a handshake with the identity s. Both sides must pass the
// same prologue, of any length. ephemeral is 32 secret random bytes that are used
// for this handshake only; the caller overwrites its copy. The errors are ErrKey
// and ErrSuite.
func NewInitiator(suite wire.Suite, s *Static, prologue []byte, ephemeral [KeySize]byte) (*Initiator, error) {
	m, err := newMachine(true, suite, s, prologue, &ephemeral)
	if err != nil {
		return nil, err
	}
	return &Initiator{m}, nil
}

// WriteInit returns message 1, which is 32 bytes longer than the payload and
// carries it in the clear. It can be called once; for retries the caller keeps
// the message. The error is ErrLength if the payload is too long.
func (h *Initiator) WriteInit(payload []byte) ([]byte, error) {
	msg, _, _, err := h.m.write(1, payload)
	return msg, err
}

// ReadResponse reads message 2. It returns a copy of the payload and the static
// key whose possession the sender has proven. The message must be 96 bytes longer
// than payloadSize, which is checked first.
//
// The caller decides whether the static key is that of the wanted peer, and calls
// WriteFinal or Reject. The error is ErrLength or wraps ErrMessage; in both cases
// the genuine message 2 can still be read. A rejected message of the right length
// costs one or two X25519 multiplications.
func (h *Initiator) ReadResponse(msg []byte, payloadSize int) (payload []byte, remote [KeySize]byte, err error) {
	payload, _, _, err = h.m.read(2, msg, payloadSize)
	if err != nil {
		return nil, remote, err
	}
	return payload, h.m.remote(), nil
}

// Reject undoes the last ReadResponse, so that another message 2 can be read.
// An attacker that has seen message 1 can answer it, with a static key of its
// own, before the wanted peer does.
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
// returned. The error is ErrLength if the payload is too long.
func (h *Initiator) WriteFinal(payload []byte) ([]byte, Keys, error) {
	msg, c1, c2, err := h.m.write(3, payload)
	if err != nil {
		return nil, Keys{}, err
	}
	// Section 5.3: the first cipher state encrypts the initiator's messages.
	return msg, h.m.finish(c1, c2), nil
}

// Wipe ends the handshake and overwrites its secrets, as far as Go permits. On a
// nil Initiator it does nothing.
func (h *Initiator) Wipe() {
	if h != nil {
		h.m.close()
	}
}
