package intentra

import (
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
