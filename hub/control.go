package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/intentra/intentra"
)

// What the protocol fixes; see docs/HUB.md.
const (
	// ControlChannel carries control messages in both directions, with the intent
	// Reliable.
	ControlChannel = 0
	// MaxControl is the size of the largest control message, in bytes.
	MaxControl = 1100
	// cachedOffset is added to the channel of a topic to get that of its cached values.
	cachedOffset = 1 << 20
	// maxChannel is the highest channel that a publisher may declare.
	maxChannel = cachedOffset - 1
	// version is the version of the hub's protocol.
	version = 1
)

// The types of control messages.
const (
	// From a client.
	typeHello       = "hello"
	typeDeclare     = "declare"
	typeRetract     = "retract" // also from the hub
	typeSubscribe   = "subscribe"
	typeUnsubscribe = "unsubscribe"
	typeWatch       = "watch"
	typeList        = "list"
	typeAnnounced   = "announced"
	typeRetracted   = "retracted" // also from the hub

	// From the hub.
	typeWelcome      = "welcome"
	typeDeclared     = "declared"
	typeSubscribed   = "subscribed"
	typeUnsubscribed = "unsubscribed"
	typeAnnounce     = "announce"
	typeDemand       = "demand"
	typePeers        = "peers"
	typeTopics       = "topics"
	typeHubs         = "hubs"
	typeError        = "error"
)

// The codes of errors.
const (
	codeMalformed  = "malformed"   // the message is not a control message, or a field is invalid
	codeNotAllowed = "not_allowed" // the access list forbids it
	codeLimit      = "limit"       // a limit is reached
	codeConflict   = "conflict"    // the channel or the name is in use
	codeUndeclared = "undeclared"  // data came on a channel that is not declared
	codeHello      = "hello"       // no hello has come: the peer may not know that this is a hub
	codeSlow       = "slow"        // a subscription has ended, because a Reliable update had no room
)

// message is a control message. Which fields it has depends on its type.
type message struct {
	Type string `json:"type"`
	// Seq numbers the control messages of one side, from one. A message whose Seq is
	// not above that of the one before is a repetition, as after a change of sessions.
	Seq uint64 `json:"seq"`

	Version int `json:"version,omitempty"` // hello, welcome

	Limits *PublishLimits `json:"limits,omitempty"` // welcome

	// Channel identifies a topic: declare, declared, retract, retracted, announce,
	// announced, demand, error.
	Channel *uint32 `json:"channel,omitempty"`
	// ID identifies a subscription: subscribe, subscribed, unsubscribe, unsubscribed,
	// error.
	ID *uint32 `json:"id,omitempty"`

	// A topic: declare, announce.
	Topic     string            `json:"topic,omitempty"`
	Intent    *intentra.Intent  `json:"intent,omitempty"`
	Encoding  string            `json:"encoding,omitempty"`
	TTL       int64             `json:"ttl,omitempty"` // in milliseconds
	Priority  intentra.Priority `json:"priority,omitempty"`
	Stamp     bool              `json:"stamp,omitempty"`
	Layout    *Layout           `json:"layout,omitempty"`
	Publisher *peerInfo         `json:"publisher,omitempty"` // announce

	// A subscription: subscribe. Pattern also in list.
	Pattern string  `json:"pattern,omitempty"`
	MaxRate float64 `json:"max_rate,omitempty"`
	Area    *Area   `json:"area,omitempty"`
	Cached  bool    `json:"cached,omitempty"`

	Wanted *bool `json:"wanted,omitempty"` // demand

	Name   string      `json:"name,omitempty"` // welcome
	Peers  []peerInfo  `json:"peers,omitempty"`
	Topics []TopicInfo `json:"topics,omitempty"`
	Hubs   []Address   `json:"hubs,omitempty"`
	Leave  bool        `json:"leave,omitempty"` // hubs
	// More says that another message continues the list: peers, topics.
	More bool `json:"more,omitempty"`

	// error.
	For    string `json:"for,omitempty"`
	Code   string `json:"code,omitempty"`
	Text   string `json:"text,omitempty"`
	Missed uint64 `json:"missed,omitempty"`
}

// peerInfo describes a publisher or subscriber.
type peerInfo struct {
	Name      string             `json:"name"`
	Key       intentra.PublicKey `json:"key"`
	Connected bool               `json:"connected,omitempty"`
	Restarts  uint64             `json:"restarts,omitempty"`
}

// encode returns m as JSON. It panics if m is larger than MaxControl, which the
// limits of its fields exclude.
func (m *message) encode() []byte {
	b := m.json()
	if len(b) > MaxControl {
		panic(fmt.Sprintf("hub: a control message of %d bytes, more than %d", len(b), MaxControl))
	}
	return b
}

// json returns m as JSON, in which only quotation marks and backslashes are escaped.
func (m *message) json() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		panic(fmt.Sprintf("hub: encoding a control message: %v", err))
	}
	return bytes.TrimSpace(b.Bytes())
}

// errMalformed is returned for a payload that is not a control message.
var errMalformed = errors.New("not a control message")

// decode parses a control message. Unknown fields are ignored.
func decode(payload []byte) (m message, err error) {
	if len(payload) > MaxControl {
		return m, fmt.Errorf("%w: longer than %d bytes", errMalformed, MaxControl)
	}
	if !utf8.Valid(payload) { // package json would replace what is invalid
		return m, fmt.Errorf("%w: not UTF-8", errMalformed)
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return m, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if m.Type == "" || m.Seq == 0 {
		return m, fmt.Errorf("%w: no type or no seq", errMalformed)
	}
	return m, nil
}

// topic returns the topic in a declare or an announce.
func (m *message) topic() (Topic, error) {
	t := Topic{Name: m.Topic, Intent: intentra.Latest, Encoding: m.Encoding, Priority: m.Priority, Stamp: m.Stamp, Layout: m.Layout}
	if m.TTL != 0 {
		// Beyond the range, which check finds, the product could overflow.
		t.TTL = time.Duration(min(max(m.TTL, -1), int64(maxTTL/time.Millisecond)+1)) * time.Millisecond
	}
	if m.Intent != nil {
		t.Intent = *m.Intent
	}
	return t, t.check()
}

// describe puts a topic into m.
func (m *message) describe(t Topic) {
	m.Topic, m.Intent, m.Encoding, m.Layout = t.Name, &t.Intent, t.Encoding, t.Layout
	m.TTL, m.Priority, m.Stamp = int64((t.TTL+time.Millisecond-1)/time.Millisecond), t.Priority, t.Stamp
}

// checkRate returns an error unless r is zero or from 0.001 to 1,000,000 per second.
func checkRate(r float64) error {
	if r != 0 && (math.IsNaN(r) || r < 0.001 || r > 1e6) {
		return fmt.Errorf("the maximum rate %v is not 0.001 to 1,000,000 per second", r)
	}
	return nil
}

// pointer returns a pointer to a copy of v, for an optional field.
func pointer[T any](v T) *T { return &v }
