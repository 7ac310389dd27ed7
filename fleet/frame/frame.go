// Package frame encodes the messages between the hubs of a fleet. Frequent messages are
// binary; those about lists are JSON, which ignores unknown fields, so that
// versions can be mixed during an upgrade. Decoding never panics, whatever the bytes.
package frame

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// What the protocol fixes.
const (
	// Version is the version of the protocol between hubs, which is part of every
	// subject: hubs of another version do not see each other.
	Version = 1
	// MaxFrame is the size of the largest frame, in bytes.
	MaxFrame = 512 << 10
)

// The kinds of a binary frame: its first byte.
const (
	kindBatch  = 0xb1
	kindValues = 0xb2
)

// ErrMalformed is returned for bytes that are not a frame.
var ErrMalformed = errors.New("frame: malformed")

// Heartbeat says that a hub is alive. It is broadcast several times a second.
type Heartbeat struct {
	Hub         intentra.PublicKey `json:"hub"`
	Incarnation uint64             `json:"inc"`      // of its process, at random
	Seq         uint64             `json:"seq"`      // of the heartbeat, from one on
	Time        int64              `json:"time"`     // on the sender's clock, in nanoseconds
	Addr        string             `json:"addr"`     // where peers dial it
	Draining    bool               `json:"draining"` // it hands its peers over
	Peers       int                `json:"peers"`    // that are connected to it
	Directory   uint64             `json:"dir"`      // the latest message with changes of its directory
	// Sent has the numbers of what was sent to each hub, by the incarnation of the receiver.
	Sent map[uint64]Sent `json:"sent,omitempty"`
}

// Sent is the latest interest message and the latest batch to one hub.
type Sent struct {
	Interest uint64 `json:"w,omitempty"`
	Batch    uint64 `json:"b,omitempty"`
	// Echo is Heartbeat.Time of the latest heartbeat of the receiver that came, and Came
	// when that was on the sender's clock.
	Echo int64 `json:"e,omitempty"`
	Came int64 `json:"c,omitempty"`
}

// Directory lists changes of a hub's directory: its publishers and their topics.
type Directory struct {
	Hub         intentra.PublicKey `json:"hub"`
	Incarnation uint64             `json:"inc"`
	// Seq numbers the messages from one on. For a snapshot it is that of the latest
	// message that the snapshot contains.
	Seq uint64 `json:"seq"`
	// Snapshot is true for the whole directory, in Parts messages of which this is
	// number Part, from zero.
	Snapshot bool `json:"snap,omitempty"`
	Part     int  `json:"part,omitempty"`
	Parts    int  `json:"parts,omitempty"`
	Ops      []Op `json:"ops"`
}

// Op is one change of a directory. One of the pointers is set.
type Op struct {
	Session *Session            `json:"s,omitempty"`
	Topic   *Topic              `json:"t,omitempty"`
	Retract uint64              `json:"x,omitempty"` // the ID of a topic
	Forget  *intentra.PublicKey `json:"f,omitempty"` // a publisher
}

// Session is a publisher's connection to a hub.
type Session struct {
	Key intentra.PublicKey `json:"k"`
	// Generation is higher than that of every session of the key that the hub knew of
	// when this one began.
	Generation uint64 `json:"g"`
	// Revision is that of the session's claim in the key-value store; zero: not yet
	// known.
	Revision  uint64 `json:"v,omitempty"`
	Connected bool   `json:"c,omitempty"`
	Restarts  uint64 `json:"r,omitempty"`
	// Over are the sessions of the key at other hubs that the hub knew of when this one
	// began: generations by the incarnation of their hub.
	Over map[uint64]uint64 `json:"o,omitempty"`
}

// Topic is a topic of a publisher.
type Topic struct {
	ID       uint64             `json:"i"`
	Key      intentra.PublicKey `json:"k"`
	Name     string             `json:"n"`
	Intent   intentra.Intent    `json:"in"`
	Encoding string             `json:"e,omitempty"`
	TTL      time.Duration      `json:"t,omitempty"`
	Priority intentra.Priority  `json:"p,omitempty"`
	Layout   *hub.Layout        `json:"l,omitempty"`
	Stamp    bool               `json:"s,omitempty"`
}

// NewTopic returns a topic of the publisher with key k.
func NewTopic(id uint64, k intentra.PublicKey, t hub.Topic) Topic {
	return Topic{
		ID: id, Key: k, Name: t.Name, Intent: t.Intent, Encoding: t.Encoding, Layout: t.Layout,
		TTL: t.TTL, Priority: t.Priority, Stamp: t.Stamp,
	}
}

// Hub returns the topic as package hub describes it.
func (t *Topic) Hub() hub.Topic {
	return hub.Topic{
		Name: t.Name, Intent: t.Intent, Encoding: t.Encoding, Layout: t.Layout, TTL: t.TTL, Priority: t.Priority, Stamp: t.Stamp,
	}
}

// Direct is a message from one hub to another. One of the pointers is set.
type Direct struct {
	From        intentra.PublicKey `json:"from"`
	Incarnation uint64             `json:"inc"`
	To          uint64             `json:"to"` // the incarnation of the receiver
	Directory   *Directory         `json:"dir,omitempty"`
	Interest    *Interest          `json:"want,omitempty"`
	Ask         *Ask               `json:"ask,omitempty"`
}

// Interest lists topics of the receiving hub that the sending hub wants, or no longer
// wants.
type Interest struct {
	Seq  uint64   `json:"seq"`            // from one on
	Full bool     `json:"full,omitempty"` // Add is all that it wants
	Part int      `json:"part,omitempty"` // of a Full one: the first has number zero
	More bool     `json:"more,omitempty"` // another message continues the Full one
	Add  []uint64 `json:"add,omitempty"`
	Drop []uint64 `json:"drop,omitempty"`
}

// Ask asks a hub to repeat something.
type Ask struct {
	Directory bool     `json:"dir,omitempty"`    // a snapshot of the directory
	Interest  bool     `json:"want,omitempty"`   // all that it wants of the sender
	Values    []uint64 `json:"values,omitempty"` // the newest values of topics
}

// Encode returns v, one of the types above, as JSON.
func Encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("frame: %v", err)) // the types cannot fail
	}
	return b
}

// Decode parses JSON into v. The error is ErrMalformed.
func Decode(b []byte, v any) error {
	if len(b) > MaxFrame {
		return fmt.Errorf("%w: %d bytes", ErrMalformed, len(b))
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// Header is the beginning of a batch of updates, or of a list of values.
type Header struct {
	Values      bool
	Incarnation uint64
	// Lane numbers the sequences of batches from one hub to another. A higher one
	// replaces those before it.
	Lane uint32
	Seq  uint64 // of the batch; in a list of values, that of the latest batch
	Time int64  // on the sender's clock, in microseconds
}

// HeaderSize is the size of an encoded Header, in bytes.
const HeaderSize = 29

// Append appends the encoded header to b.
func (h Header) Append(b []byte) []byte {
	kind := byte(kindBatch)
	if h.Values {
		kind = kindValues
	}
	b = append(b, kind)
	b = binary.BigEndian.AppendUint64(b, h.Incarnation)
	b = binary.BigEndian.AppendUint32(b, h.Lane)
	b = binary.BigEndian.AppendUint64(b, h.Seq)
	return binary.BigEndian.AppendUint64(b, uint64(h.Time))
}

// IsBinary reports whether b begins like a batch or a list of values.
func IsBinary(b []byte) bool { return len(b) > 0 && (b[0] == kindBatch || b[0] == kindValues) }

// ParseHeader returns the header of b, and the updates after it.
func ParseHeader(b []byte) (h Header, updates []byte, err error) {
	if len(b) < HeaderSize || len(b) > MaxFrame || !IsBinary(b) {
		return h, nil, ErrMalformed
	}
	h.Values = b[0] == kindValues
	h.Incarnation = binary.BigEndian.Uint64(b[1:])
	h.Lane = binary.BigEndian.Uint32(b[9:])
	h.Seq = binary.BigEndian.Uint64(b[13:])
	h.Time = int64(binary.BigEndian.Uint64(b[21:]))
	return h, b[HeaderSize:], nil
}

// Update is one update of a topic, or in a list of values its newest value.
type Update struct {
	ID  uint64 // of the topic
	Seq uint64 // of the update within the topic
	// Absent says that there is no value; Seq is that of the latest update.
	Absent  bool
	Stamp   Stamp
	Payload []byte
}

// Stamp is when an update was made, if that is known. Times are in microseconds.
type Stamp struct {
	Known  bool
	Before int64  // how long before Header.Time; negative: after it
	Within uint64 // how far that may be from the truth
}

// The kinds of an update, after its numbers.
const (
	updateAbsent = iota
	updatePlain
	updateStamped
)

// Append appends the encoded update to b.
func (u Update) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, u.ID)
	b = binary.AppendUvarint(b, u.Seq)
	switch {
	case u.Absent:
		return append(b, updateAbsent)
	case u.Stamp.Known:
		b = append(b, updateStamped)
		b = binary.AppendVarint(b, u.Stamp.Before)
		b = binary.AppendUvarint(b, u.Stamp.Within)
	default:
		b = append(b, updatePlain)
	}
	b = binary.AppendUvarint(b, uint64(len(u.Payload)))
	return append(b, u.Payload...)
}

// ParseUpdate returns the first update of b, whose payload is a part of b, and the rest.
func ParseUpdate(b []byte) (u Update, rest []byte, err error) {
	ok := true
	number := func() (v uint64) {
		n := 0
		if v, n = binary.Uvarint(b); n <= 0 {
			ok, n = false, 0
		}
		b = b[n:]
		return v
	}
	u.ID, u.Seq = number(), number()
	if !ok || len(b) == 0 || b[0] > updateStamped {
		return u, nil, ErrMalformed
	}
	kind := b[0]
	b = b[1:]
	if kind == updateAbsent {
		u.Absent = true
		return u, b, nil
	}
	if kind == updateStamped {
		zigzag := number()
		u.Stamp = Stamp{Known: true, Before: int64(zigzag>>1) ^ -int64(zigzag&1), Within: number()}
	}
	size := number()
	if !ok || size > uint64(len(b)) {
		return u, nil, ErrMalformed
	}
	u.Payload = b[:size:size]
	return u, b[size:], nil
}

// Valid returns an error unless b is a sequence of whole updates.
func Valid(updates []byte) error {
	for len(updates) > 0 {
		var err error
		if _, updates, err = ParseUpdate(updates); err != nil {
			return err
		}
	}
	return nil
}

// Equal reports whether two updates are equal.
func (u Update) Equal(o Update) bool {
	return u.ID == o.ID && u.Seq == o.Seq && u.Absent == o.Absent && u.Stamp == o.Stamp && bytes.Equal(u.Payload, o.Payload)
}
