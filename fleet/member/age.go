package member

import (
	"time"

	"github.com/intentra/intentra/fleet/frame"
	"github.com/intentra/intentra/hub"
)

// Stamp is when an update was made, on the clock of [Member.Begin], if that is known, and how
// far that may be from the truth. A Stamp does not depend on how long the update waits.
type Stamp struct {
	Known        bool
	Made, Within time.Duration
}

// StampOf returns the Stamp of an update that had an age at the time now.
func StampOf(a hub.Age, now time.Duration) Stamp { return Stamp{a.Known, now - a.Age, a.Within} }

// relative returns a stamp relative to the time of a header.
func (s Stamp) relative(header time.Duration) frame.Stamp {
	if !s.Known {
		return frame.Stamp{}
	}
	return frame.Stamp{Known: true, Before: (header - s.Made).Microseconds(), Within: uint64(max(s.Within, 0).Microseconds()) + 1}
}

// mostAge is the largest age that another hub may claim.
const mostAge = 365 * 24 * time.Hour

// age returns how old an update of another hub is. The clocks of both hubs show different
// times, but heartbeats and their echoes bound the difference, so the way here is included. An
// update is never younger than the time for which its batch was under way at least.
func (m *Member) age(o *other, header int64, s frame.Stamp) hub.Age {
	ahead, within, ok := o.clock.Offset(m.now)
	before := time.Duration(s.Before)
	if !s.Known || !ok || max(before, -before) > mostAge/time.Microsecond || s.Within > uint64(mostAge/time.Microsecond) ||
		max(header, -header) > int64(mostAge/time.Microsecond) {
		return hub.Age{}
	}
	sent := time.Duration(header)*time.Microsecond - ahead // on the clock of this hub
	return hub.Age{
		Known: true, Age: m.now - sent + before*time.Microsecond, Within: within + time.Duration(s.Within)*time.Microsecond,
	}
}

// hearTime learns about the clock of a hub from a heartbeat.
func (m *Member) hearTime(o *other, at int64, sent frame.Sent) {
	sender := time.Duration(at)
	o.echo, o.came = at, m.now
	if sent.Came == 0 {
		return
	}
	// Its clock showed sender before now, and Came after Echo of this hub's clock.
	echo := time.Duration(sent.Echo)
	o.clock.Add(sender-m.now, time.Duration(sent.Came)-echo, echo, m.now)
}
