package noise

import "github.com/intentra/intentra/wire"

// Responder is the side of a handshake that answers. The methods of the zero
// value, and those of a Responder whose handshake has ended, return ErrState. A
// Responder holds a few hundred bytes, message 1 and the payload of message 2. It
// is not safe for concurrent use.
type Responder struct{ m machine }

// NewResponder starts a handshake with the identity s. Both sides must pass the
// same prologue, of any length. ephemeral is 32 secret random bytes that are used
// for this handshake only; the caller overwrites its copy. The errors are ErrKey
// and ErrSuite.
func NewResponder(suite wire.Suite, s *Static, prologue []byte, ephemeral [KeySize]byte) (*Responder, error) {
	m, err := newMachine(false, suite, s, prologue, &ephemeral)
	if err != nil {
		return nil, err
	}
	return &Responder{m}, nil
}

// ReadInit reads message 1 and returns a copy of its payload. The error is
// ErrLength unless the message is 32 bytes longer than payloadSize. Message 1 is
// not authenticated: ReadInit accepts a forged one, but its sender cannot write
// a valid message 3.
func (h *Responder) ReadInit(msg []byte, payloadSize int) (payload []byte, err error) {
	payload, _, _, err = h.m.read(1, msg, payloadSize)
	return payload, err
}

// WriteResponse returns message 2, which is 96 bytes longer than the payload. The
// payload is encrypted to the sender of message 1, which is unknown. The caller
// keeps the message to answer repeats of message 1.
//
// WriteResponse does the public-key operations for message 1. It returns
// ErrLowOrder if message 1 contained a low-order key, which ends the handshake,
// and ErrLength if the payload is too long.
func (h *Responder) WriteResponse(payload []byte) ([]byte, error) {
	msg, _, _, err := h.m.write(2, payload)
	return msg, err
}

// ReadFinal reads message 3, returns a copy of its payload and ends the
// handshake. The sender has proven possession of keys.Remote; the caller decides
// whether that key may connect. The message must be 64 bytes longer than
// payloadSize, which is checked first.
//
// The error is ErrLength or wraps ErrMessage; in both cases the genuine message 3
// can still be read. A rejected message of the right length costs one X25519
// multiplication if its encrypted static key is valid, that is, if the sender
// wrote message 1 or altered a genuine message 3 after the static key. Otherwise
// it only costs hashing.
func (h *Responder) ReadFinal(msg []byte, payloadSize int) (payload []byte, keys Keys, err error) {
	payload, c1, c2, err := h.m.read(3, msg, payloadSize)
	if err != nil {
		return nil, Keys{}, err
	}
	return payload, h.m.finish(c2, c1), nil
}

// Wipe ends the handshake and overwrites its secrets, as far as Go permits. On a
// nil Responder it does nothing.
func (h *Responder) Wipe() {
	if h != nil {
		h.m.close()
	}
}
