package conn

import "errors"

// ErrRand is returned by [New] for a [Config] without Rand.
var ErrRand = errors.New("conn: Config.Rand is nil")

// Errors of a dial that has come to nothing.
var (
	// ErrNoAnswer: nothing at all came back.
	ErrNoAnswer = errors.New("intentra: no answer: host or port unreachable, or a handshake limit there is exhausted")
	// ErrNotConfirmed: the handshake was answered, but the peer has never
	// confirmed it.
	ErrNotConfirmed = errors.New("intentra: no confirmation: our key is probably not allowed there")
	// ErrWrongKey: who answered has another key than the one dialled.
	ErrWrongKey = errors.New("intentra: the other side has another key than the one given")
	// ErrTooManyPeers: the endpoint holds as many peers as it may.
	ErrTooManyPeers = errors.New("intentra: too many peers")
	// ErrClosed: the peer was closed meanwhile.
	ErrClosed = errors.New("intentra: closed")
)
