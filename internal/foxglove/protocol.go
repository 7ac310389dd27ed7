package foxglove

import (
	"encoding/binary"
	"encoding/json"
)

// What the protocol fixes.
const (
	// Subprotocol is the WebSocket subprotocol that clients must offer.
	Subprotocol = "foxglove.websocket.v1"

	opMessage   = 1         // of a binary message to a client
	messageHead = 1 + 4 + 8 // opcode, subscription, nanoseconds since 1970; little-endian

	levelWarning = 1
	levelError   = 2
)

// serverInfo is the first message to a client. It offers no capability.
type serverInfo struct {
	Op           string   `json:"op"`
	Name         string   `json:"name"`
	Capabilities []string `json:"capabilities"`
}

// advertise adds channels, and unadvertise removes some.
type advertise struct {
	Op       string        `json:"op"`
	Channels []channelInfo `json:"channels"`
}

type channelInfo struct {
	ID             uint32 `json:"id"`
	Topic          string `json:"topic"`
	Encoding       string `json:"encoding"`
	SchemaName     string `json:"schemaName"`
	Schema         string `json:"schema"`
	SchemaEncoding string `json:"schemaEncoding"`
}

type unadvertise struct {
	Op       string   `json:"op"`
	Channels []uint32 `json:"channelIds"`
}

// status tells a person what the server did not do.
type status struct {
	Op      string `json:"op"`
	Level   int    `json:"level"`
	Message string `json:"message"`
}

// request is a message of a client. Only its fields of subscribe and unsubscribe are
// read.
type request struct {
	Op            string `json:"op"`
	Subscriptions []struct {
		ID      uint32 `json:"id"`
		Channel uint32 `json:"channelId"`
	} `json:"subscriptions"`
	IDs []uint32 `json:"subscriptionIds"`
}

// weight is what a request costs of a client's budget.
func (r *request) weight() int { return 1 + len(r.Subscriptions) + len(r.IDs) }

// encode returns the text of a message to a client.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("foxglove: " + err.Error()) // unreachable: JSON has all values of these types
	}
	return text
}

// appendHead appends the head of a binary message.
func appendHead(b []byte, subscription uint32, at uint64) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, opMessage), subscription)
	return binary.LittleEndian.AppendUint64(b, at)
}
