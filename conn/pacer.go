package conn

import (
	"time"

	"github.com/intentra/intentra/pipeline"
)

// pacer spaces packets to the rate that the receiver has announced. It is the
// virtual scheduling form of a leaky bucket (GCRA, ITU-T I.371 annex A): due is
// when the bucket would be empty if nothing more were sent.
type pacer struct {
	interval time.Duration // between packets
	slack    time.Duration // how far due may run ahead of now
	due      pipeline.Time
}

// newPacer paces to a receiver that accepts rate packets/s with bursts.
func newPacer(rate, burst uint32) pacer {
	interval := time.Duration(float64(time.Second) / (float64(rate) * paceShare))
	interval = max(interval, 1)
	slack := time.Duration(max(float64(burst)*paceBurst-1, 0)) * interval
	return pacer{interval: interval, slack: slack}
}

// ready reports whether a packet may leave now.
func (p *pacer) ready(now pipeline.Time) bool { return p.due <= now+pipeline.Time(p.slack) }

// at returns when the next packet may leave.
func (p *pacer) at() pipeline.Time { return p.due - pipeline.Time(p.slack) }

// charge counts one packet.
func (p *pacer) charge(now pipeline.Time) {
	p.due = max(p.due, now) + pipeline.Time(p.interval)
}
