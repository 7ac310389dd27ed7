package intentra

import (
	"time"

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
	// the next session with the same peer, even if that has restarted, and may then
	// arrive twice.
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

// Priority decides which of the messages that wait for one peer leaves first: always the
// highest, except that a lower one begins a packet after it was left out of a number of
// them, so that with all of them waiting Urgent gets at least 9 of 16 packets, High 4,
// Normal 2 and Low 1. A full queue of Realtime and Latest messages drops the oldest of the
// lowest priority that has more than that share of the queue. Its text form is "low",
// "normal", "high" or "urgent".
type Priority = pipeline.Priority

// The priorities.
const (
	Low    = pipeline.Low    // what may wait, such as logs and maps
	Normal = pipeline.Normal // that of a message without one
	High   = pipeline.High   // what should not wait for the usual traffic
	Urgent = pipeline.Urgent // what must leave first, such as a command to stop
)

// Message is a message from one peer to another. Those that arrive have a Channel, an
// Intent and a Payload, and those with a Stamp an Age.
type Message struct {
	// Channel tells the streams of an application apart. Small numbers need fewer
	// bytes on the wire: those below 64 one, those below 16,384 two.
	Channel uint32
	// Intent is Realtime if it is zero.
	Intent Intent
	// Priority decides which of the messages that wait for a peer leaves first. Zero is
	// Normal. Messages of a channel keep their order: one whose channel has messages
	// queued leaves after them, with their priority, so a channel should have one.
	Priority Priority
	// Payload may be empty.
	Payload []byte

	// TTL is how long the message is of use. Zero means for ever, and a negative one that it
	// is of no more use already, so that it only counts as expired. When it has passed, the
	// message does not leave any more, and a Reliable one is not sent again. The
	// receiver learns that the channel has lost a Reliable message ([Config].OnGivenUp),
	// and other messages do not wait for it. A message that was on its way in time is
	// delivered whenever it arrives.
	TTL time.Duration
	// Token, if it is not zero, has [Config].OnDelivery called once with the outcome of
	// the message, if Send has queued it. Messages may have the same token.
	Token uint64

	// Stamp has the message carry the time of its origin, which is Age before it is sent,
	// so that the receiver knows its age: 10 bytes more, or up to 17 if it is passed on. A
	// message that fits a datagram only without them goes without. Of a message that has
	// arrived, Stamp says that it has carried one and that its Age is known. It is not
	// in the first tens of milliseconds with a peer, until its clock has been compared;
	// see [Peer.Clock].
	Stamp bool
	// Age is how old the message is when it is sent, zero unless it is passed on. Of one
	// that has arrived it is the best estimate of how old it was at [Received].Arrived; it
	// may be negative by as much as Within. To pass on such a message, add the time since
	// then.
	Age time.Duration
	// Within is how far Age may be from the truth, not negative, and beyond 71 minutes
	// counts as that. It assumes that the peer is honest and that clocks differ in rate by
	// no more than 200 parts per million.
	Within time.Duration
}
