package intentra

import (
	"errors"
	"net"

	"github.com/intentra/intentra/conn"
)

// Errors of sending, receiving and dialling, to be compared with errors.Is. All of
// these also return net.ErrClosed once the transport is closed.
var (
	// ErrMessageTooLarge is returned for a message that exceeds MaxMessage of this
	// side or the peer (see [Config]) and does not fit into a datagram of the size that
	// the peer accepts. These limits of the peer are known once it is
	// connected. A message that was queued earlier and is then too large is
	// dropped, even if it is Reliable, and counted as too_large in
	// [Stats].SendDrops.
	ErrMessageTooLarge = errors.New("intentra: message too large")
	// ErrQueueFull is returned for a Reliable message when the queue of Reliable
	// messages is full, and for one with a Token while 4,096 outcomes of its peer wait for
	// [Config].OnDelivery.
	ErrQueueFull = errors.New("intentra: send queue full")
	// ErrNotConnected is returned when the peer is not connected and the message
	// cannot wait for it; see [Peer.Send].
	ErrNotConnected = errors.New("intentra: peer not connected")
	// ErrIntent is returned for a message whose intent is not valid.
	ErrIntent = errors.New("intentra: invalid intent")
	// ErrOption is returned for a message with a negative TTL or an invalid Priority.
	ErrOption = errors.New("intentra: invalid TTL or priority")
	// ErrHandler is returned when messages are to be received from a transport
	// whose Handler gets them all.
	ErrHandler = errors.New("intentra: Config.Handler gets all messages of this transport; Receive needs a Config without a Handler")

	// ErrInCallback is returned by calls that wait, when they are made in Handler,
	// OnPeer, Authorize or a stage, of this transport or another one: they would wait
	// for their own caller, or stop all peers of the loop. Make them on another
	// goroutine.
	ErrInCallback = errors.New("intentra: a call that waits, made in a callback; make it on another goroutine")

	// ErrNoAnswer is returned when a dialled address sent no answer.
	ErrNoAnswer = conn.ErrNoAnswer
	// ErrBusy is returned when the dialled peer has too many handshakes to answer: it
	// asked to wait for a turn, which did not come in time.
	ErrBusy = conn.ErrBusy
	// ErrNotConfirmed is returned when the dialled peer answered but did not
	// confirm the handshake. A peer that does not allow our key does so.
	ErrNotConfirmed = conn.ErrNotConfirmed
	// ErrWrongKey is returned when the peer that answered has another key than
	// the one dialled.
	ErrWrongKey = conn.ErrWrongKey
)

var (
	errClosed = net.ErrClosed
	errGoexit = errors.New("intentra: a callback has ended the event loop by calling runtime.Goexit, as a failed assertion of a test does")
	errReason = errors.New("intentra: a reason that a side finds for itself, which a peer cannot be given")
)
