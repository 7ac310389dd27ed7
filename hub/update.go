package hub

import (
	"time"

	"github.com/intentra/intentra"
)

// update is an update of a topic on its way through the hub.
type update struct {
	payload []byte
	stamp   stamp
	expires time.Duration // on the hub's clock, from when it is of no more use; zero: never
	// gone means that the publisher has given up one Reliable update or more, in the place
	// of which this one is.
	gone bool
}

// stamp is when an update was made, on the hub's clock, if that is known.
type stamp struct {
	known      bool
	at, within time.Duration
	since      time.Duration // when within was right; it grows by the drift of the hub's clock
}

// Age is how old an update is, if that is known; see [Update].Age.
type Age struct {
	Known       bool
	Age, Within time.Duration
}

// exported returns the age of the update at the time now, for a fleet.
func (s *stamp) exported(now time.Duration) (a Age) {
	if s.known {
		a.Known = true
		a.Age, a.Within = s.age(now)
	}
	return a
}

// drift is the time in which a clock may drift by one unit of it: 100 millionths.
const drift = 10_000

// age returns the age of the update at the time now, and its bound.
func (s *stamp) age(now time.Duration) (age, within time.Duration) {
	return now - s.at, s.within + (now-s.since)/drift
}

// incoming returns the update that a publisher has sent in msg. The payload is borrowed.
func (t *topic) incoming(msg *intentra.Message, now time.Duration) update {
	u := update{payload: msg.Payload}
	made := now
	if msg.Stamp {
		u.stamp = stamp{true, now - msg.Age, msg.Within, now}
		made = min(u.stamp.at, now)
	}
	if t.desc.TTL > 0 {
		u.expires = max(made+t.desc.TTL, 1)
	}
	return u
}

// expired reports whether u is of no more use.
func (u *update) expired(now time.Duration) bool { return u.expires != 0 && u.expires <= now }

// message returns u as it is sent to subscribers at the time now.
func (t *topic) message(u *update, now time.Duration) intentra.Message {
	m := intentra.Message{Channel: t.number, Intent: t.desc.Intent, Priority: t.desc.Priority, Payload: u.payload}
	if u.stamp.known {
		m.Stamp = true
		m.Age, m.Within = u.stamp.age(now)
	}
	switch {
	case u.gone || u.expired(now):
		m.TTL = -1 // nothing but the notice is sent
	case u.expires != 0:
		m.TTL = u.expires - now
	}
	return m
}
