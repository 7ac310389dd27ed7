package journal

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Version is the version of the format. It is in the section header and in the
// Start of each recording.
const Version = 5

// Kind is the kind of an Entry.
type Kind string

// The kinds of entries. Received to Outgoing are inputs of the core, in order.
// Sent is a datagram that Outgoing has returned. A Push precedes the first input
// that can observe it.
const (
	Started    Kind = "start"
	Received   Kind = "received" // a datagram was received
	Timeout    Kind = "timeout"
	Flush      Kind = "flush"
	Job        Kind = "job" // the result of a handshake job
	Ready      Kind = "ready"
	Dial       Kind = "dial"
	Addresses  Kind = "addresses"
	DialFailed Kind = "dial_failed"
	Abandon    Kind = "abandon"
	ClosePeer  Kind = "close_peer"
	Revoke     Kind = "revoke"
	Probe      Kind = "probe"
	WantClock  Kind = "want_clock"
	Close      Kind = "close"
	Outgoing   Kind = "outgoing"  // Outgoing was called, and returned datagrams
	Full       Kind = "full"      // the socket took the first Done of these
	TooLarge   Kind = "too_large" // the system refused the one with the index Done
	Sent       Kind = "sent"      // one of these datagrams
	Push       Kind = "push"      // a peer's send queue has taken a message
	Displaced  Kind = "displaced" // the queue has dropped the first Done messages, because of SendMemory
	Ended      Kind = "end"
)

// Entry is an entry of a recording. Its Kind determines which fields are set.
type Entry struct {
	Kind Kind `json:"kind"`
	// Number counts the entries from one. The Writer assigns it.
	Number uint64 `json:"n,omitempty"`
	// At is the time of the core; see Start.Origin.
	At pipeline.Time `json:"at,omitempty"`
	// Peer is conn.Peer.Number, Job conn.Job.Number.
	Peer uint64 `json:"peer,omitempty"`
	Job  uint64 `json:"job,omitempty"`
	// Done belongs to Full and TooLarge, see conn.Endpoint.Refused and HandleTooLarge,
	// and to Displaced.
	Done int `json:"done,omitempty"`
	// Authorized is the result of Authorize in the job. Panicked says that Authorize
	// panicked.
	Authorized bool `json:"authorized,omitempty"`
	Panicked   bool `json:"panicked,omitempty"`
	// Identity is our public key in a Dial, Key the peer's.
	Identity Key            `json:"identity,omitzero"`
	Key      Key            `json:"key,omitzero"`
	Addr     netip.AddrPort `json:"addr,omitzero"`
	// Addrs and More are the arguments of AddAddresses.
	Addrs []netip.AddrPort `json:"addrs,omitempty"`
	More  bool             `json:"more,omitempty"`
	// Local is wire.Datagram.Local of a datagram.
	Local  netip.Addr       `json:"local,omitzero"`
	Reason wire.CloseReason `json:"reason,omitempty"`
	Error  string           `json:"error,omitempty"`
	// Step is the number of the first step of a queue after a Push or Displaced; see
	// conn.Journal.Step. The fields after it are those of its conn.Message. Intent and
	// Priority are numbers, so that an entry with unknown ones can be read, and be
	// judged.
	Step     uint64        `json:"step,omitempty"`
	Channel  uint32        `json:"channel,omitempty"`
	Intent   uint8         `json:"intent,omitempty"`
	Priority int8          `json:"priority,omitempty"`
	Payload  []byte        `json:"payload,omitempty"`
	Token    uint64        `json:"token,omitempty"`
	Pushed   pipeline.Time `json:"pushed,omitempty"`
	Expires  pipeline.Time `json:"expires,omitempty"`
	Ask      bool          `json:"ask,omitempty"`
	Origin   uint64        `json:"origin,omitempty"`
	Within   uint32        `json:"within,omitempty"`
	// Data is the payload of a datagram. It is in the packet, not in the entry's text.
	Data []byte `json:"-"`
	// Outcome is the outcome of a datagram and its messages.
	Outcome Outcome `json:"outcome,omitzero"`
	// Rooms are the results of conn.Config.Room, '1' or '0' for each call.
	Rooms string `json:"rooms,omitempty"`
	// Panics are the messages of the datagram, counted from zero, in whose delivery
	// the handler panicked.
	Panics []int `json:"panics,omitempty"`
	// Refused are the messages that conn.Config.Deliver has refused.
	Refused []int `json:"refused,omitempty"`
	// Start and End are set for Started and Ended.
	Start *Start `json:"start,omitempty"`
	End   *End   `json:"end,omitempty"`
}

// Outcome is the outcome of a received datagram.
type Outcome struct {
	// Verdict is "accept", "consumed", or "drop" with stage and reason, as in "drop
	// replay/replayed".
	Verdict string `json:"verdict,omitempty"`
	// Dropped are the drops of its messages, as "stage/reason".
	Dropped []string `json:"dropped,omitempty"`
	// Delivered is the number of messages delivered to the user. Sum is a CRC-32
	// (IEEE) over them with their peers, channels and intents.
	Delivered int    `json:"delivered,omitempty"`
	Sum       uint32 `json:"sum,omitempty"`
}

// String returns the outcome as text, with the drops counted by reason.
func (o Outcome) String() string {
	s := o.Verdict
	if o.Delivered > 0 {
		s += fmt.Sprintf(", %d delivered", o.Delivered)
	}
	counts := map[string]int{}
	var reasons []string // in order of first occurrence
	for _, d := range o.Dropped {
		if counts[d]++; counts[d] == 1 {
			reasons = append(reasons, d)
		}
	}
	for _, d := range reasons {
		s += fmt.Sprintf(", %d dropped %s", counts[d], d)
	}
	return s
}

// Equal reports whether both outcomes are equal.
func (o Outcome) Equal(other Outcome) bool {
	if len(o.Dropped) != len(other.Dropped) {
		return false
	}
	for i := range o.Dropped {
		if o.Dropped[i] != other.Dropped[i] {
			return false
		}
	}
	return o.Verdict == other.Verdict && o.Delivered == other.Delivered && o.Sum == other.Sum
}

// Start is the first entry: the configuration of the core.
type Start struct {
	Version int `json:"version"`
	// Recording is the Keys.Recording of the keys file.
	Recording string `json:"recording"`
	// Origin is the wall-clock time at the core's time zero, in nanoseconds since
	// 1970.
	Origin int64 `json:"origin"`
	// Local is the address that the socket is bound to.
	Local netip.AddrPort `json:"local"`
	// Key is our public key.
	Key Key `json:"key"`
	// Authorizes says whether conn.Config.Authorize is set.
	Authorizes bool `json:"authorizes"`
	// Config is the conn.Config as JSON, which contains its plain values.
	Config json.RawMessage `json:"config"`
	// Inbound and Outbound are the names of the stages.
	Inbound  []string `json:"inbound"`
	Outbound []string `json:"outbound"`
}

// End is the last entry of a complete recording.
type End struct {
	Inbound  pipeline.Counts `json:"inbound"`
	Outbound pipeline.Counts `json:"outbound"`
}

// Key is a public key. Its text form is base64.
type Key [32]byte

// IsZero reports whether k is the zero Key, which means no key.
func (k Key) IsZero() bool { return k == Key{} }

// String returns the key in base64.
func (k Key) String() string { return base64.StdEncoding.EncodeToString(k[:]) }

// MarshalText returns the key in base64.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText parses a key in base64.
func (k *Key) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil || len(b) != len(k) {
		return fmt.Errorf("recording: %q is not a key in base64", text)
	}
	*k = Key(b)
	return nil
}
