package hub

import (
	"errors"
	"fmt"
	"time"

	"github.com/intentra/intentra"
)

// ErrTopic is returned for a topic that cannot be declared.
var ErrTopic = errors.New("hub: invalid topic")

// MaxEncoding is the length of the longest [Topic].Encoding, in bytes.
const MaxEncoding = 48

// maxTTL is the longest TTL of a topic.
const maxTTL = 24 * time.Hour

// Topic describes a stream of updates that a publisher declares.
type Topic struct {
	// Name is the path below the name of the publisher: one or several levels, such as
	// "pose" or "arm/joint-1". Required.
	Name string
	// Intent is how updates travel, from the publisher to the hub and from there to
	// subscribers. The zero value is Latest.
	Intent intentra.Intent
	// Encoding tells subscribers what the payload is, for example "json". It is
	// optional, at most MaxEncoding bytes, and means nothing to the hub.
	Encoding string
	// TTL is how long an update is of use, from when it was made: one that would leave the
	// publisher or the hub later is left out. Subscribers of a Reliable topic learn of it
	// by [Update].Gap, those of a Latest topic get no older value from the cache. Without Stamp
	// the hub counts from when the update came. Zero means for ever, range 1 ms to 24 h, in
	// whole milliseconds for the hub.
	TTL time.Duration
	// Priority decides which updates leave first, at the publisher and at the hub; see
	// [intentra.Priority].
	Priority intentra.Priority
	// Stamp has updates carry the time at which they were made, so that subscribers know
	// their age, whatever the clocks show; see [Update].Age. An update grows by 10 to 17 bytes.
	Stamp bool
	// Layout says where a position is in the payload, for subscriptions with an area.
	// Optional.
	Layout *Layout
}

// Validate returns an ErrTopic if t cannot be declared. The zero Intent is valid.
func (t Topic) Validate() error {
	if t.Intent == 0 {
		t.Intent = intentra.Latest
	}
	return t.check()
}

// check is Validate without a default.
func (t Topic) check() error {
	if err := checkTopicName(t.Name); err != nil {
		return fmt.Errorf("%w: the name: %w", ErrTopic, err)
	}
	switch t.Intent {
	case intentra.Realtime, intentra.Latest, intentra.Reliable:
	default:
		return fmt.Errorf("%w: intent %d", ErrTopic, t.Intent)
	}
	if len(t.Encoding) > MaxEncoding || !printable(t.Encoding) {
		return fmt.Errorf("%w: the encoding is not printable text of at most %d bytes", ErrTopic, MaxEncoding)
	}
	if t.TTL != 0 && (t.TTL < time.Millisecond || t.TTL > maxTTL) {
		return fmt.Errorf("%w: a TTL of %v; it must be 1 ms to %v", ErrTopic, t.TTL, maxTTL)
	}
	if !t.Priority.Valid() {
		return fmt.Errorf("%w: priority %d", ErrTopic, t.Priority)
	}
	if t.Layout != nil {
		if err := t.Layout.check(); err != nil {
			return fmt.Errorf("%w: %w", ErrTopic, err)
		}
	}
	return nil
}

// same reports whether two topics have the same description.
func (t Topic) same(other Topic) bool {
	if t.Name != other.Name || t.Intent != other.Intent || t.Encoding != other.Encoding ||
		t.TTL != other.TTL || t.Priority != other.Priority || t.Stamp != other.Stamp {
		return false
	}
	if t.Layout == nil || other.Layout == nil {
		return t.Layout == other.Layout
	}
	return t.Layout.same(*other.Layout)
}
