package conn

import (
	"math"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ratelimit"
	"github.com/intentra/intentra/wire"
)

// extra is what a session has once it has sent a message, or the clock of its peer is
// wanted: most of many sessions are idle.
type extra struct {
	volume
	clock  *peerClock // nil until it is wanted
	tokens *tokens    // nil while no state with a token is in flight
}

// extra returns the extra of s, and makes it if s has none.
func (s *session) extra() *extra {
	if s.more == nil {
		s.more = &extra{volume: newVolume(float64(s.messageRate), float64(s.byteRate)*wire.ByteRateUnit, &s.pacer)}
	}
	return s.more
}

// volume spaces the messages and the bytes of a session to what the receiver has
// announced.
type volume struct{ messages, bytes meter }

// meter is a pacer of units, which are messages or bytes: a packet may contain many.
type meter struct {
	each  uint64        // the time of a unit, in nanoseconds / meterScale
	ahead pipeline.Time // by how much due may run ahead of now
	due   pipeline.Time // when what was sent would have been sent at the rate
}

const (
	meterScale = 1 << 10
	// meterQuantum is how much may be sent at least when a meter lets a packet leave, so
	// that a sender at the limit does not send packets with single messages.
	meterQuantum = pipeline.Time(time.Millisecond)
	// meterAhead bounds the burst, so that no product overflows.
	meterAhead = pipeline.Time(time.Hour)
	// leastFrame is the length of the smallest frame of a message.
	leastFrame = 3
	// meterUnits is more than any packet contains.
	meterUnits = 1 << 16
)

// newVolume paces to a receiver that accepts messages and bytes at these rates per second, each
// unlimited if it is zero, with bursts as long as that of p.
func newVolume(messages, bytes float64, p *pacer) volume {
	half := pipeline.Time(p.ahead) * pipeline.Time(p.interval)
	return volume{
		messages: newMeter(messages, half, ratelimit.LeastMessageBurst),
		bytes:    newMeter(bytes, half, ratelimit.LeastByteBurst),
	}
}

func newMeter(rate float64, half pipeline.Time, least float64) meter {
	if rate == 0 {
		return meter{}
	}
	each := math.Ceil(float64(time.Second) * meterScale / (rate * paceShare))
	ahead := max(half, pipeline.Time(each*least*paceBurst/meterScale))
	return meter{each: uint64(each), ahead: min(ahead, meterAhead)}
}

// at returns when the next packet may leave.
func (m *meter) at() pipeline.Time { return m.due - m.ahead + min(m.ahead/2, meterQuantum) }

// room returns how many units may be sent now. It may be negative.
func (m *meter) room(now pipeline.Time) int {
	left := int64(m.ahead-max(m.due-now, 0)) * meterScale
	if m.each == 0 || left/meterUnits >= int64(m.each) {
		return math.MaxInt32
	}
	return int(left / int64(m.each))
}

// charge counts the units of a packet.
func (m *meter) charge(now pipeline.Time, units int) {
	m.due = max(m.due, now) + pipeline.Time(uint64(units)*m.each/meterScale)
}

// at returns when the next packet may leave.
func (v *volume) at() pipeline.Time { return max(v.messages.at(), v.bytes.at()) }

// charge counts a packet.
func (v *volume) charge(now pipeline.Time, messages, bytes int) {
	v.messages.charge(now, messages)
	v.bytes.charge(now, bytes)
}

// allow sets how much the packet under construction may contain.
func (f *fill) allow() {
	s := f.s
	if s.more == nil {
		s.extra()
	}
	v := &s.more.volume
	f.mostMessages, f.mostBytes = v.messages.room(f.now), v.bytes.room(f.now)
}

// exhausted reports whether a message of n bytes is left for a later packet, because the
// receiver would accept no more now. Any packet may contain one.
func (f *fill) exhausted(n int) bool {
	return f.messages+f.parts > 0 && (f.messages+f.parts >= f.mostMessages || f.bytes+n > f.mostBytes)
}
