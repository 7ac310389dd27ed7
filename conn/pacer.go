package conn

import (
	"math"
	"time"

	"github.com/intentra/intentra/pipeline"
)

// pacer spaces packets to the rate that the receiver has announced. It is the
// virtual scheduling form of a leaky bucket (GCRA, ITU-T I.371 annex A): due is
// when the bucket would be empty if nothing more were sent.
type pacer struct {
	interval uint32 // between packets, in nanoseconds
	ahead    uint32 // by how many intervals due may run ahead of now
	due      pipeline.Time
}

// newPacer paces to a receiver that accepts rate packets/s with bursts.
func newPacer(rate, burst uint32) pacer {
	interval := time.Duration(float64(time.Second) / (float64(rate) * paceShare))
	ahead := max(float64(burst)*paceBurst-1, 0)
	return pacer{interval: uint32(min(max(interval, 1), math.MaxUint32)), ahead: uint32(ahead)}
}

// at returns when the next packet may leave.
func (p *pacer) at() pipeline.Time {
	return p.due - pipeline.Time(p.ahead)*pipeline.Time(p.interval)
}

// charge counts one packet.
func (p *pacer) charge(now pipeline.Time) {
	p.due = max(p.due, now) + pipeline.Time(p.interval)
}
