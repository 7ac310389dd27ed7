package noise

import (
	"errors"
	"fmt"
)

// The errors of this package. Unless a method says otherwise, a call that fails
// leaves the handshake as it was.
var (
	// ErrState is returned by a method called out of order, which is a bug in
	// the caller.
	ErrState = errors.New("noise: call out of order")
	// ErrLength is returned for a message whose length does not match its
	// payload size, and for a payload too long for a Noise message.
	ErrLength = errors.New("noise: wrong length")
	// ErrMessage is wrapped by the error for a message that was not written by
	// the peer of this handshake, or not as its next message.
	ErrMessage = errors.New("noise: message rejected")
	// ErrLowOrder is returned for a public key of low order. It wraps
	// ErrMessage.
	ErrLowOrder = fmt.Errorf("%w: public key of low order", ErrMessage)
	// ErrKey is returned for an all-zero private key or a nil Static.
	ErrKey = errors.New("noise: private key is not set")
	// ErrSuite is returned for a suite that package wire does not define.
	ErrSuite = errors.New("noise: unknown cipher suite")
)
