package noise

import "github.com/intentra/intentra/wire"

// Responder is the side of a handshake that answers. Make it with NewResponder:
// the zero value returns ErrState from all methods, as does a Responder whose
// handshake is over. It holds no more than a few hundred bytes, message 1 and
// the payload of message 2. Not safe for concurrent use.
type Responder struct{ m machine }

// NewResponder makes a machine for one handshake with the owner of s. Both
// sides must have the same prologue, of any length. ephemeral is 32 bytes of
// fresh secret randomness, for this handshake and no other; the caller
// overwrites its own copy. Errors are ErrKey and ErrSuite.
func NewResponder(suite wire.Suite, s *Static, prologue []byte, ephemeral [KeySize]byte) (*Responder, error) {
	m, err := newMachine(false, suite, s, prologue, &ephemeral)
	if err != nil {
		return nil, err
	}
	return &Responder{m}, nil
}

// ReadInit takes message 1 and returns a copy of its payload. The length must
// be payloadSize and 32 bytes, else the error is ErrLength. Nothing in message
// 1 is authenticated: a forged one passes here, and no genuine message 3 will
// follow it.
func (h *Responder) ReadInit(msg []byte, payloadSize int) (payload []byte, err error) {
	payload, _, _, err = h.m.read(1, msg, payloadSize)
	return payload, err
}

// WriteResponse returns message 2, 96 bytes longer than the payload, which is
// encrypted, but to whoever wrote message 1. The caller keeps it to answer
// repeats of message 1. It is here that the public-key work of message 1 is
// done, so it is here that ErrLowOrder is returned for it, which ends the
// handshake. ErrLength is for a payload that is too long.
func (h *Responder) WriteResponse(payload []byte) ([]byte, error) {
	msg, _, _, err := h.m.write(2, payload)
	return msg, err
}

// ReadFinal takes message 3, returns a copy of its payload and ends the
// handshake: the writer has proved to hold keys.Remote. Whether that key may
// connect is for the caller to see. The length is looked at before anything
// else: it must be payloadSize and 64 bytes.
//
// Errors are ErrLength and what wraps ErrMessage; after either one the genuine
// message 3 is accepted as if nothing had happened. A refused message of the
// right length costs hashing alone unless its writer took part in the handshake
// or changed a genuine message 3 behind the static key, and else one X25519
// multiplication.
func (h *Responder) ReadFinal(msg []byte, payloadSize int) (payload []byte, keys Keys, err error) {
	payload, c1, c2, err := h.m.read(3, msg, payloadSize)
	if err != nil {
		return nil, Keys{}, err
	}
	return payload, h.m.finish(c2, c1), nil
}

// Wipe ends the handshake, if it is not over, and overwrites what it can of the
// secrets; see dh.wipe. On a nil Responder it does nothing.
func (h *Responder) Wipe() {
	if h != nil {
		h.m.close()
	}
}
