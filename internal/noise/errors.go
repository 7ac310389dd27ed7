package noise

import (
	"errors"
	"fmt"
)

// The errors of this package. Unless a method says otherwise, the machine is
// where it was before the call that failed.
var (
	// ErrState is returned by a method called out of its order, which is a
	// mistake of the caller.
	ErrState = errors.New("noise: call out of order")
	// ErrLength is returned for a message of another length than its payload
	// size asks for, and for a payload that fits no Noise message.
	ErrLength = errors.New("noise: wrong length")
	// ErrMessage is wrapped by what is returned for a message that the peer of
	// this handshake did not write, or not for this place in it.
	ErrMessage = errors.New("noise: message refused")
	// ErrLowOrder is returned for a public key of low order. It wraps
	// ErrMessage.
	ErrLowOrder = fmt.Errorf("%w: public key of low order", ErrMessage)
	// ErrKey is returned for a private key that was never set: all zero, or a
	// nil Static.
	ErrKey = errors.New("noise: private key is not set")
	// ErrSuite is returned for a suite that wire does not know.
	ErrSuite = errors.New("noise: unknown cipher suite")
)
