package intentra

import (
	"errors"
	"net"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Intent says how a message wants to travel.
type Intent = pipeline.Intent

// The intents.
const (
	// Realtime is delivered at once or not at all, in any order.
	Realtime = pipeline.Realtime
	// Latest gives way to a newer message on its channel, at either end, and
	// is never delivered behind it.
	Latest = pipeline.Latest
	// Reliable is delivered once in a session, in order on its channel. What a
	// session has left unacknowledged is sent again in the next one with the
	// same peer, and may arrive twice then.
	Reliable = pipeline.Reliable
)

// Suite is a cipher suite.
type Suite = wire.Suite

// The cipher suites.
const (
	AESGCM     = wire.AESGCM
	ChaChaPoly = wire.ChaChaPoly
)

// CloseReason says why a session has ended.
type CloseReason = wire.CloseReason

// Message is what peers exchange.
type Message struct {
	// Channel is for the application to tell streams apart. Small numbers
	// travel in fewer bytes: below 64 in one, below 16,384 in two.
	Channel uint32
	// Intent must be set.
	Intent Intent
	// Payload may be empty.
	Payload []byte
}

// Received is a message with its sender. The payload is the caller's.
type Received struct {
	Peer *Peer
	Message
}

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

// SendStatus says what has become of a message that was given to Send.
type SendStatus uint8

// The statuses.
const (
	// Queued: it will leave in its turn.
	Queued SendStatus = iota + 1
	// Replaced: it will leave, and an older one gave way: the one waiting on
	// its Latest channel, or the oldest in a full queue.
	Replaced
	// Dropped: it will not leave, for the reason in Err.
	Dropped
)

// String returns the status's name.
func (s SendStatus) String() string {
	switch s {
	case Queued:
		return "queued"
	case Replaced:
		return "replaced"
	case Dropped:
		return "dropped"
	}
	return "invalid"
}

// SendResult is the answer of Send. Err is set only with Dropped, and is one of
// ErrMessageTooLarge, ErrQueueFull, ErrNotConnected, ErrIntent, net.ErrClosed.
type SendResult struct {
	Status SendStatus
	Err    error
}

// BroadcastResult counts what has become of the copies of a broadcast.
type BroadcastResult struct{ Queued, Replaced, Dropped int }

var (
	errClosed = net.ErrClosed
	errReason = errors.New("intentra: a reason to close that no peer is told")
)
