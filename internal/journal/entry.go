package journal

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Version is that of the format, in the head and in the Start of each journal.
const Version = 3

// Kind says what an Entry is.
type Kind string

// The kinds. Those from Received to Outgoing are what the core was given, in
// order; Sent is what it has answered an Outgoing with; a Push stands somewhere
// before the entry that is the first to see it.
const (
	Started    Kind = "start"
	Received   Kind = "received" // a datagram
	Timeout    Kind = "timeout"
	Flush      Kind = "flush"
	Job        Kind = "job" // a handshake job has come back
	Ready      Kind = "ready"
	Dial       Kind = "dial"
	SetAddress Kind = "address"
	DialFailed Kind = "dial_failed"
	Abandon    Kind = "abandon"
	ClosePeer  Kind = "close_peer"
	Revoke     Kind = "revoke"
	Probe      Kind = "probe"
	Close      Kind = "close"
	Outgoing   Kind = "outgoing" // what is to be sent was asked for
	Sent       Kind = "sent"     // a datagram
	Push       Kind = "push"     // a message was taken by a peer's send queue
	Ended      Kind = "end"
)

// Entry is one line of a journal. Which fields are set depends on Kind.
type Entry struct {
	Kind Kind `json:"kind"`
	// Number counts the entries from one. The Writer gives it.
	Number uint64 `json:"n,omitempty"`
	// At is the core's own time; see Start.Origin.
	At pipeline.Time `json:"at,omitempty"`
	// Peer is conn.Peer.Number, Job conn.Job.Number.
	Peer uint64 `json:"peer,omitempty"`
	Job  uint64 `json:"job,omitempty"`
	// Authorized is what Authorize has said in the job, Panicked that it has
	// panicked.
	Authorized bool `json:"authorized,omitempty"`
	Panicked   bool `json:"panicked,omitempty"`
	// Identity is ours towards the peer that is dialled, Key is the peer's.
	Identity Key              `json:"identity,omitzero"`
	Key      Key              `json:"key,omitzero"`
	Addr     netip.AddrPort   `json:"addr,omitzero"`
	Reason   wire.CloseReason `json:"reason,omitempty"`
	Error    string           `json:"error,omitempty"`
	// Step, Channel, Intent and Payload are those of a Push: it was the last
	// before the core's step of that number; see conn.Journal.Step.
	Step    uint64          `json:"step,omitempty"`
	Channel uint32          `json:"channel,omitempty"`
	Intent  pipeline.Intent `json:"intent,omitempty"`
	Payload []byte          `json:"payload,omitempty"`
	// Data is a datagram's. It is the packet itself, not part of the entry's text.
	Data []byte `json:"-"`
	// Outcome is what became of a datagram, and of its messages.
	Outcome Outcome `json:"outcome,omitzero"`
	// Rooms are the answers of the reader whether there is room for one more
	// Reliable message, '1' or '0' each, in the order in which it was asked.
	Rooms string `json:"rooms,omitempty"`
	// Panics are the messages, from zero, during whose delivery the handler has
	// panicked.
	Panics []int `json:"panics,omitempty"`
	// Refused are those that conn.Config.Deliver has not taken.
	Refused []int `json:"refused,omitempty"`
	// Start and End come with Started and Ended.
	Start *Start `json:"start,omitempty"`
	End   *End   `json:"end,omitempty"`
}

// Outcome is what became of a datagram.
type Outcome struct {
	// Verdict is "accept", "consumed" or "drop" and, for a drop, stage and reason
	// as "drop replay/replayed".
	Verdict string `json:"verdict,omitempty"`
	// Dropped are the drops of its messages, as "stage/reason".
	Dropped []string `json:"dropped,omitempty"`
	// Delivered is the number of messages that have gone to the user, and Sum a
	// CRC-32 (IEEE) over them, with their peers, channels and intents.
	Delivered int    `json:"delivered,omitempty"`
	Sum       uint32 `json:"sum,omitempty"`
}

// String returns the outcome in words, with the drops counted by reason.
func (o Outcome) String() string {
	s := o.Verdict
	if o.Delivered > 0 {
		s += fmt.Sprintf(", %d delivered", o.Delivered)
	}
	counts := map[string]int{}
	var reasons []string // in the order of their first
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

// Equal reports whether both say the same.
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

// Start is the first entry: what the core was made with.
type Start struct {
	Version int `json:"version"`
	// Recording is Keys.Recording of the keys that belong to it.
	Recording string `json:"recording"`
	// Origin is the time of day at the core's time zero, in nanoseconds since 1970.
	Origin int64 `json:"origin"`
	// Local is the address that the socket is bound to.
	Local netip.AddrPort `json:"local"`
	// Key is our public key.
	Key Key `json:"key"`
	// Authorizes says whether there is an Authorize.
	Authorizes bool `json:"authorizes"`
	// Config is the plain values of the conn.Config.
	Config json.RawMessage `json:"config"`
	// Inbound and Outbound are the names of the stages.
	Inbound  []string `json:"inbound"`
	Outbound []string `json:"outbound"`
}

// End is the last entry, if a recording was ended in good order.
type End struct {
	Inbound  pipeline.Counts `json:"inbound"`
	Outbound pipeline.Counts `json:"outbound"`
}

// Key is a public key, in base64 where it is text.
type Key [32]byte

// IsZero reports whether it is none.
func (k Key) IsZero() bool { return k == Key{} }

// String returns the key in base64.
func (k Key) String() string { return base64.StdEncoding.EncodeToString(k[:]) }

// MarshalText is String.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText has written.
func (k *Key) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil || len(b) != len(k) {
		return fmt.Errorf("journal: %q is not a key in base64", text)
	}
	*k = Key(b)
	return nil
}
