package load

import (
	"context"
	"time"

	"github.com/intentra/intentra"
)

// meter measures the losses of a transport and the CPU time of this process.
type meter struct {
	transport *intentra.Transport
	before    intentra.Stats
}

func newMeter(t *intentra.Transport) meter { return meter{t, t.Stats()} }

// during waits from start, a time of Now, for the time duration. It returns the
// CPU time that the process used in that time, and how many messages r had counted
// at the end.
func (m meter) during(ctx context.Context, start, duration time.Duration, r interface{ Delivered() uint64 }) (cpu time.Duration, delivered uint64, err error) {
	if !SleepUntil(ctx, start) {
		return 0, 0, context.Cause(ctx)
	}
	before, err := CPUTime()
	if err != nil {
		return 0, 0, err
	}
	if !SleepUntil(ctx, start+duration) {
		return 0, 0, context.Cause(ctx)
	}
	delivered = r.Delivered()
	after, err := CPUTime()
	return after - before, delivered, err
}

// losses returns the drops since newMeter, how many messages an accepted datagram
// carried on average, and how many datagrams were sent for each message.
func (m meter) losses() (d Drops, messagesPerDatagram, sentPerMessage float64) {
	now := m.transport.Stats()
	messages := now.MessagesIn - m.before.MessagesIn
	datagrams := now.In.Packets.Accepted - m.before.In.Packets.Accepted
	return DropsOf(now).Since(DropsOf(m.before)), per(messages, float64(datagrams)),
		per(now.PacketsOut-m.before.PacketsOut, float64(messages))
}
