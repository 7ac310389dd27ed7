package conn

import "errors"

// ErrRand is returned by [New] for a [Config] without Rand.
var ErrRand = errors.New("conn: Config.Rand is nil")

// The errors of a failed dial, in an [Event] or from [Endpoint.Dial].
var (
	// ErrNoAnswer is returned when nothing came back.
	ErrNoAnswer = errors.New("intentra: no answer to the handshake")
	// ErrBusy is returned when the other side asked to wait for a turn, which did not
	// come in time.
	ErrBusy = errors.New("intentra: the other side asked to wait, and answered no handshake in time")
	// ErrNotConfirmed is returned when the handshake was answered, but the peer
	// never confirmed it.
	ErrNotConfirmed = errors.New("intentra: the handshake was answered but not confirmed")
	// ErrWrongKey is returned when the answer came from another key than the one
	// dialled.
	ErrWrongKey = errors.New("intentra: the peer that answered has another key than the one given")
	// ErrTooManyPeers is returned when the endpoint has Config.MaxPeers peers and
	// can forget none of them.
	ErrTooManyPeers = errors.New("intentra: too many peers")
	// ErrClosed is returned when the peer was closed while it was dialled.
	ErrClosed = errors.New("intentra: closed")
)
