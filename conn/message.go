package conn

import (
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
)

// Message is a message to be sent, for [Peer.Push]. Most have no more than a channel, an
// intent and a payload.
type Message struct {
	Channel uint32
	Intent  pipeline.Intent // not zero
	// Priority decides which queued message leaves first. A message never leaves before
	// those that are queued before it on its channel, of the same kind (Reliable or
	// not): while such a message waits, it shares its priority.
	Priority pipeline.Priority
	Payload  []byte

	// Token identifies the message in its [Delivery]. Zero means no Delivery.
	Token uint64
	// Sent is when the message was pushed, for Delivery.Took.
	Sent pipeline.Time
	// Expires is from when on the message is dropped instead of being sent, or sent
	// again; zero: never. See [FateExpired].
	Expires pipeline.Time
	// Ask has the packet that carries the message request an acknowledgement at once.
	Ask bool
	// Origin is when the message was created, in microseconds of the endpoint's clock, see
	// [Endpoint.Micros], and Within by how many microseconds that may be wrong. The
	// message carries both to a peer that understands it, if there is room; zero: neither.
	Origin uint64
	Within uint32
}

// The fields are those of sendq, so that a conversion suffices.
var _ = sendq.Message(Message{})
