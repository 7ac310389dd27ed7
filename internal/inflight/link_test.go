package inflight

import (
	"math/rand/v2"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

// link is a model of a route: a queue of limited length in front of a link, and a
// receiver that acknowledges what it is asked to.
type link struct {
	rate  int // bytes per second
	queue int // bytes
	delay time.Duration
	loss  float64
	// offered is how fast the sender could send, in bytes per second.
	offered int
	size    int // of a packet
}

type packet struct {
	sent, arrives pipeline.Time
	lost, asks    bool
}

// outcome is what the model measured in its second half.
type outcome struct {
	share   float64       // of the offered rate that was sent
	use     float64       // of the link's capacity
	queued  time.Duration // 99th percentile of the time in the queue
	longest int           // most bytes in flight
	bound   int
	heldFor time.Duration // from the start until the last time that the bound held anything
}

// run sends over the link for d, with a clock of one tick.
func (k link) run(r *rand.Rand, l *Limit, d time.Duration) (o outcome) {
	const begin = pipeline.Time(time.Hour)
	const timeout = pipeline.Time(250 * time.Millisecond)
	tick := pipeline.Time(time.Duration(k.size) * time.Second / time.Duration(k.offered))
	var flying []packet // in the order of sending
	var waits []time.Duration
	inFlight, sent, carried := 0, 0, 0
	free, progress := begin, begin
	half := begin + pipeline.Time(d/2)
	type ack struct{ at, upTo pipeline.Time } // of the packet that was sent at upTo
	var acks []ack
	for now := begin; now < begin+pipeline.Time(d); now += tick {
		for len(acks) > 0 && acks[0].at <= now {
			a := acks[0]
			acks = acks[1:]
			resolved, arrived := 0, 0
			for len(flying) > 0 && flying[0].sent <= a.upTo {
				resolved += k.size
				if !flying[0].lost {
					arrived += k.size
				}
				flying = flying[1:]
			}
			inFlight -= resolved
			l.Resolved(Ack{Size: resolved, Arrived: arrived, Left: inFlight, RTT: time.Duration(now - a.upTo), Sent: a.upTo}, now)
			progress = now
		}
		if !l.Allows(inFlight) {
			o.heldFor = time.Duration(now - begin)
			if now-progress < timeout {
				continue
			}
			progress = now // a probe
		}
		p := packet{sent: now, asks: l.Asks(inFlight, k.size) || now == progress, lost: r.Float64() < k.loss}
		l.Sent(k.size, p.asks)
		inFlight += k.size
		wait := max(free-now, 0)
		if k.rate > 0 && int(wait)*k.rate/int(time.Second)+k.size > k.queue {
			p.lost = true
		} else if k.rate > 0 {
			wait += pipeline.Time(time.Duration(k.size) * time.Second / time.Duration(k.rate))
			free = now + wait
			if now > half {
				carried += k.size
				waits = append(waits, time.Duration(wait))
			}
		}
		p.arrives = now + wait + pipeline.Time(k.delay/2)
		flying = append(flying, p)
		if p.asks && !p.lost && r.Float64() >= k.loss {
			acks = append(acks, ack{p.arrives + pipeline.Time(k.delay/2), now})
		}
		if now > half {
			sent += k.size
		}
		o.longest = max(o.longest, inFlight)
	}
	o.share = float64(sent) / (float64(k.offered) * d.Seconds() / 2)
	if k.rate > 0 {
		o.use = float64(carried) / (float64(k.rate) * d.Seconds() / 2)
	}
	if len(waits) > 0 {
		sort.Slice(waits, func(i, j int) bool { return waits[i] < waits[j] })
		o.queued = waits[len(waits)*99/100]
	}
	o.bound = l.Bound()
	return o
}

// The bound holds a fast peer back for its first round trips at most.
func TestFastPeerIsNotHeldBack(t *testing.T) {
	for name, k := range map[string]link{
		"loopback":       {delay: 50 * time.Microsecond, offered: 250_000_000, size: 1232},
		"busy loopback":  {delay: time.Millisecond, offered: 250_000_000, size: 1232},
		"LAN":            {delay: 500 * time.Microsecond, offered: 110_000_000, size: 1232},
		"long and fast":  {delay: 100 * time.Millisecond, offered: 20_000_000, size: 1232},
		"1 MB/s, 20 ms":  {delay: 20 * time.Millisecond, offered: 1_000_000, size: 540},
		"1 MB/s, 100 ms": {delay: 100 * time.Millisecond, offered: 1_000_000, size: 540},
	} {
		t.Run(name, func(t *testing.T) {
			var l Limit
			o := k.run(seed.Rand(t), &l, 2*time.Second)
			t.Logf("%+v", o)
			require.InDelta(t, 1, o.share, .001)
			require.Less(t, o.heldFor, 8*k.delay)
			need := int(float64(k.offered) * k.delay.Seconds())
			require.LessOrEqual(t, o.bound, max(enough, 5*need), "no more than the rate needs: a link that becomes slow is filled with the bound")
		})
	}
}

// Loss alone does not lower the bound, and what is not acknowledged because of it
// soon holds nothing back.
func TestFullRateAtRandomLoss(t *testing.T) {
	for _, loss := range []float64{.05, .2, .4} {
		k := link{delay: 10 * time.Millisecond, offered: 2_000_000, size: 1232, loss: loss}
		var l Limit
		o := k.run(seed.Rand(t), &l, 30*time.Second)
		t.Logf("%v: %+v", loss, o)
		require.Greater(t, o.share, .99, "loss %v", loss)
	}
}

// A link that becomes slow, fast, longer and shorter again is followed each time.
func TestChangingRoute(t *testing.T) {
	var l Limit
	r := seed.Rand(t)
	for i, k := range []link{
		{rate: 12_500_000, queue: 1 << 20, delay: 5 * time.Millisecond, offered: 2_000_000, size: 1232},
		{rate: 125_000, queue: 1 << 20, delay: 5 * time.Millisecond, offered: 2_000_000, size: 1232},
		{rate: 12_500_000, queue: 1 << 20, delay: 5 * time.Millisecond, offered: 2_000_000, size: 1232},
		{rate: 12_500_000, queue: 1 << 20, delay: 150 * time.Millisecond, offered: 2_000_000, size: 1232},
		{rate: 250_000, queue: 1 << 20, delay: 150 * time.Millisecond, offered: 2_000_000, size: 1232},
		{rate: 12_500_000, queue: 1 << 20, delay: 5 * time.Millisecond, offered: 2_000_000, size: 1232},
	} {
		// Times begin again with each run.
		l.start, l.count, l.measuredAt, l.emptyAt = 0, 0, 0, 0
		o := k.run(r, &l, time.Minute)
		t.Logf("%d: %+v", i, o)
		if k.rate > k.offered {
			require.InDelta(t, 1, o.share, .01, "route %d", i)
		} else {
			require.Greater(t, o.use, .95, "route %d", i)
			require.Less(t, o.queued, 250*time.Millisecond, "route %d", i)
		}
	}
}

func TestSlowLinkIsFullAndItsQueueShort(t *testing.T) {
	for name, k := range map[string]link{
		"1 Mbit/s, deep queue":    {rate: 125_000, queue: 1 << 20, delay: 10 * time.Millisecond, offered: 1_000_000, size: 540},
		"1 Mbit/s, shallow queue": {rate: 125_000, queue: 4 << 10, delay: 10 * time.Millisecond, offered: 1_000_000, size: 540},
		"1 Mbit/s, 70 ms queue":   {rate: 125_000, queue: 9 << 10, delay: 10 * time.Millisecond, offered: 1_000_000, size: 1232},
		"1 Mbit/s, long":          {rate: 125_000, queue: 1 << 20, delay: 200 * time.Millisecond, offered: 1_000_000, size: 1232},
		"256 kbit/s":              {rate: 32_000, queue: 1 << 20, delay: 20 * time.Millisecond, offered: 1_000_000, size: 540},
		"10 Mbit/s":               {rate: 1_250_000, queue: 4 << 20, delay: 30 * time.Millisecond, offered: 5_000_000, size: 1232},
		"10 Mbit/s, 20 % loss":    {rate: 1_250_000, queue: 4 << 20, delay: 30 * time.Millisecond, offered: 5_000_000, size: 1232, loss: .2},
		"100 Mbit/s":              {rate: 12_500_000, queue: 16 << 20, delay: 5 * time.Millisecond, offered: 30_000_000, size: 1232},
	} {
		t.Run(name, func(t *testing.T) {
			var l Limit
			o := k.run(seed.Rand(t), &l, time.Minute)
			t.Logf("%+v", o)
			require.Greater(t, o.use, .95)
			least := time.Duration(Least) * time.Second / time.Duration(k.rate)
			require.Less(t, o.queued, max(least, high)+150*time.Millisecond, "the least bound takes %v", least)
		})
	}
}
