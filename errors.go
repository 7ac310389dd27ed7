package intentra

import (
	"errors"
	"net"

	"github.com/intentra/intentra/conn"
)

// Errors of sending and dialling, for errors.Is; net.ErrClosed is another.
var (
	// ErrMessageTooLarge: the message fits no datagram that the peer takes. What
	// a peer takes is known once it is connected: a message that was queued
	// before and turns out to be too large, Reliable or not, is dropped, and
	// counted in Stats().SendDrops as too_large.
	ErrMessageTooLarge = errors.New("intentra: message too large")
	// ErrQueueFull: as many Reliable messages wait as may.
	ErrQueueFull = errors.New("intentra: send queue full")
	// ErrNotConnected: the peer is not connected.
	ErrNotConnected = errors.New("intentra: peer not connected")
	// ErrIntent: the message has no valid intent.
	ErrIntent = errors.New("intentra: invalid intent")

	// ErrNoAnswer: nothing has come back from the address.
	ErrNoAnswer = conn.ErrNoAnswer
	// ErrNotConfirmed: there was an answer but no confirmation, most likely
	// because our key is not allowed there.
	ErrNotConfirmed = conn.ErrNotConfirmed
	// ErrWrongKey: who answered has another key than the one dialled.
	ErrWrongKey = conn.ErrWrongKey
)

var (
	errClosed = net.ErrClosed
	errReason = errors.New("intentra: a reason to close that no peer is told")
)
