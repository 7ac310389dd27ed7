package intentra

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Intent says how a message is delivered. The zero Intent of a message to be sent is
// Realtime; messages that arrive have one of the intents below. The text form is
// "realtime", "latest" or "reliable".
type Intent = pipeline.Intent

// The intents.
const (
	// Realtime is delivered at once or not at all, in any order.
	Realtime = pipeline.Realtime
	// Latest is replaced by a newer message on its channel, in the queues of both
	// sides, and is never delivered after it.
	Latest = pipeline.Latest
	// Reliable is delivered exactly once in a session, in the order of its channel.
	// Messages that were not acknowledged when a session ended are sent again in
	// the next session with the same peer, and may then arrive twice.
	Reliable = pipeline.Reliable
)

// Suite is a cipher suite. Its text form is "aesgcm" or "chachapoly".
type Suite = wire.Suite

// The cipher suites.
const (
	AESGCM     = wire.AESGCM
	ChaChaPoly = wire.ChaChaPoly
)

// CloseReason says why a session ended.
// Its text form is its name, or its number if it has none: a peer may give any number.
type CloseReason = wire.CloseReason

// The reasons. [Peer.CloseWith] accepts those below CloseIdle; the others are what one
// side finds for itself.
const (
	CloseNone      = wire.CloseNone      // not closed
	CloseNormal    = wire.CloseNormal    // closed by the application
	CloseShutdown  = wire.CloseShutdown  // the transport was closed
	CloseReplaced  = wire.CloseReplaced  // another session with the same peer won
	CloseRevoked   = wire.CloseRevoked   // the peer's key is no longer allowed
	CloseViolation = wire.CloseViolation // too many protocol violations
	CloseSlow      = wire.CloseSlow      // the peer does not keep up with Reliable messages
	CloseKeys      = wire.CloseKeys      // the keys reached their packet limit and no rekey succeeded
	CloseIdle      = wire.CloseIdle      // nothing was received for the idle timeout
	CloseHandshake = wire.CloseHandshake // no handshake succeeded in time
	CloseLost      = wire.CloseLost      // packets remain unanswered; a dialer dials again
)

// Message is a message from one peer to another.
type Message struct {
	// Channel tells the streams of an application apart. Small numbers need fewer
	// bytes on the wire: those below 64 one, those below 16,384 two.
	Channel uint32
	// Intent is Realtime if it is zero.
	Intent Intent
	// Payload may be empty.
	Payload []byte
}
