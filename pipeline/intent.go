package pipeline

import "fmt"

// Intent is how a message is to be delivered. Its text form is "realtime", "latest"
// or "reliable". Senders take the zero Intent for Realtime; in a [Packet] it means
// that there is no message.
type Intent uint8

const (
	// Realtime messages are delivered at once or not at all, in any order.
	Realtime Intent = iota + 1
	// Latest messages are superseded by newer ones on their channel, at either
	// end; a message that arrives after a newer one is dropped.
	Latest
	// Reliable messages arrive once a session, in order on their channel.
	Reliable
)

// String returns the text form of the intent, "invalid" for an unknown one. That of
// the zero Intent is "realtime".
func (i Intent) String() string {
	switch i {
	case 0, Realtime:
		return "realtime"
	case Latest:
		return "latest"
	case Reliable:
		return "reliable"
	}
	return "invalid"
}

// MarshalText returns the text form of the intent, or an error for an unknown one.
func (i Intent) MarshalText() ([]byte, error) {
	if i > Reliable {
		return nil, fmt.Errorf("intentra: no intent has the number %d", i)
	}
	return []byte(i.String()), nil
}

// UnmarshalText parses the text form of an intent. The error lists the intents.
func (i *Intent) UnmarshalText(text []byte) error {
	for known := Realtime; known <= Reliable; known++ {
		if string(text) == known.String() {
			*i = known
			return nil
		}
	}
	return fmt.Errorf("intentra: unknown intent %q: want realtime, latest or reliable", text)
}
