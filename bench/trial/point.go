package trial

import (
	"context"
	"fmt"
	"time"

	"github.com/intentra/intentra/internal/load"
)

// Point is the outcome of one load. All rates are per second.
type Point struct {
	// Offered is the rate asked for; zero is as fast as the senders can.
	Offered float64 `json:"offered"`
	// Sent counts the messages handed to the transport within the interval, and
	// Delivered those of them that arrived, even after it.
	Sent      uint64  `json:"sent"`
	Delivered uint64  `json:"delivered"`
	SentRate  float64 `json:"sent_per_second"`
	// DeliveredRate is Delivered over the interval. If Offered is zero, it
	// counts only messages that arrived within the interval.
	DeliveredRate float64 `json:"delivered_per_second"`
	// Delivery is Delivered over Sent.
	Delivery float64 `json:"delivery"`

	// ReceiverNs is the CPU time, user and system, of the receiver for each
	// message delivered; SenderNs is that of all senders for each message sent.
	ReceiverNs float64 `json:"receiver_ns"`
	SenderNs   float64 `json:"sender_ns"`
	// Switches is the number of context switches of the receiver for each message
	// delivered; zero on systems without getrusage.
	Switches float64 `json:"receiver_switches,omitempty"`
	// PerDatagram is the number of messages for each datagram received,
	// acknowledgements included; zero if the contender does not count them.
	PerDatagram float64 `json:"messages_per_datagram,omitempty"`

	// One-way latency, from just before sending to the receiver's code.
	P50us  float64 `json:"latency_p50_us"`
	P99us  float64 `json:"latency_p99_us"`
	P999us float64 `json:"latency_p999_us"`

	Drops map[string]uint64 `json:"drops,omitempty"`
}

// How long to wait for messages under way at the end of a load.
const (
	drainQuiet = 150 * time.Millisecond // without arrivals
	drainLimit = 5 * time.Second
)

// Offer has the senders send at a rate for the given time.
func (r *Rig) Offer(ctx context.Context, rate float64, length time.Duration) (p Point, err error) {
	p.Offered = rate
	r.id++
	var before, after LookReply
	if err := r.ask(ctx, "Receiver.Begin", r.id, &before); err != nil {
		return p, err
	}
	sent, err := r.run(ctx, rate, length)
	if err != nil {
		return p, err
	}
	count := func() (n uint64, err error) {
		err = r.ask(ctx, "Receiver.Count", None{}, &n)
		return n, err
	}
	inTime, err := count()
	if err != nil {
		return p, err
	}
	if err := load.Drain(ctx, sent.Sent, drainQuiet, drainLimit, count); err != nil {
		return p, err
	}
	if err := r.ask(ctx, "Receiver.Look", None{}, &after); err != nil {
		return p, err
	}
	p.fill(before, after, sent, length)
	if rate == 0 {
		p.DeliveredRate = float64(inTime) / length.Seconds()
	}
	return p, nil
}

// run has all senders send at the same time, and adds up what they have sent.
func (r *Rig) run(ctx context.Context, rate float64, length time.Duration) (total RunReply, err error) {
	replies := make([]RunReply, len(r.senders))
	err = r.senders.Each(ctx, func(ctx context.Context, i int, c *load.Child) error {
		_, n := r.senders.Share(r.Shape.Connections, i)
		args := RunArgs{ID: r.id, Rate: rate * float64(n) / float64(r.Shape.Connections), For: length}
		return call(ctx, c, length+callTime, "Sender.Run", args, &replies[i])
	})
	if err != nil {
		return total, err // an answer that was not awaited may still be on its way into replies
	}
	for _, reply := range replies {
		total.Sent += reply.Sent
		total.Refused += reply.Refused
		total.CPU += reply.CPU
	}
	return total, nil
}

func (p *Point) fill(before, after LookReply, sent RunReply, length time.Duration) {
	p.Sent, p.Delivered = sent.Sent, after.Delivered
	p.SentRate, p.DeliveredRate = float64(p.Sent)/length.Seconds(), float64(p.Delivered)/length.Seconds()
	p.Delivery = load.Ratio(float64(p.Delivered), float64(p.Sent))
	p.SenderNs = load.Ratio(float64(sent.CPU), float64(p.Sent))
	p.ReceiverNs = load.Ratio(float64(after.CPU-before.CPU), float64(p.Delivered))
	p.Switches = load.Ratio(float64(after.Switches-before.Switches), float64(p.Delivered))
	p.PerDatagram = load.Ratio(float64(p.Delivered), float64(after.Facts.Datagrams-before.Facts.Datagrams))
	p.P50us, p.P99us, p.P999us = microseconds(after.P50), microseconds(after.P99), microseconds(after.P999)
	drops := load.Drops{"refused by Send": sent.Refused, "wrong": after.Wrong - before.Wrong}
	for reason, n := range after.Facts.Drops {
		drops[reason] += n - before.Facts.Drops[reason]
	}
	if drops = drops.Since(nil); len(drops) > 0 {
		p.Drops = drops
	}
}

// String returns the point in one line.
func (p Point) String() string {
	offered := "flat out"
	if p.Offered > 0 {
		offered = fmt.Sprintf("%.0f/s offered", p.Offered)
	}
	return fmt.Sprintf("%s: %.0f/s sent, %.0f/s delivered, %.3f %%; receiver %.0f ns, senders %.0f ns a message; latency p50 %.0f us, p99 %.0f us",
		offered, p.SentRate, p.DeliveredRate, 100*p.Delivery, p.ReceiverNs, p.SenderNs, p.P50us, p.P99us)
}

func microseconds(d time.Duration) float64 { return float64(d) / 1e3 }
