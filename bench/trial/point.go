package trial

import (
	"context"
	"fmt"
	"time"

	"github.com/intentra/intentra/internal/load"
)

// Point is what became of one load. All rates are per second.
type Point struct {
	// Offered is the rate asked for; zero is as fast as the senders can.
	Offered float64 `json:"offered"`
	// Sent counts the messages given to the transport within the interval,
	// Delivered those of them that arrived, then or soon after.
	Sent      uint64  `json:"sent"`
	Delivered uint64  `json:"delivered"`
	SentRate  float64 `json:"sent_per_second"`
	// DeliveredRate is Delivered over the interval; with Offered zero it
	// counts only what arrived within it.
	DeliveredRate float64 `json:"delivered_per_second"`
	// Delivery is Delivered over Sent.
	Delivery float64 `json:"delivery"`

	// ReceiverNs and SenderNs are CPU time, user and system, of the receiver
	// for a message delivered, and of all senders for a message sent.
	ReceiverNs float64 `json:"receiver_ns"`
	SenderNs   float64 `json:"sender_ns"`
	// PerDatagram is how many messages there were to a datagram received,
	// acknowledgements included; zero where the contender cannot tell.
	PerDatagram float64 `json:"messages_per_datagram,omitempty"`

	// One-way latency, from before sending to the receiver's code.
	P50us  float64 `json:"latency_p50_us"`
	P99us  float64 `json:"latency_p99_us"`
	P999us float64 `json:"latency_p999_us"`

	Drops map[string]uint64 `json:"drops,omitempty"`
}

// How the end of a load is awaited.
const (
	drainLook  = 10 * time.Millisecond
	drainQuiet = 150 * time.Millisecond // without arrivals: the rest is lost
	drainMost  = 5 * time.Second
)

// Offer has the senders send at a rate for a while.
func (r *Rig) Offer(ctx context.Context, rate float64, length time.Duration) (p Point, err error) {
	p.Offered = rate
	var before, after LookReply
	if err := call(ctx, r.receiver, callTime, "Receiver.Look", None{}, &before); err != nil {
		return p, err
	}
	sent, err := r.run(ctx, rate, length)
	if err != nil {
		return p, err
	}
	var inTime uint64
	if err := call(ctx, r.receiver, callTime, "Receiver.Count", None{}, &inTime); err != nil {
		return p, err
	}
	if err := r.drain(ctx, before.Delivered+sent.Sent); err != nil {
		return p, err
	}
	if err := call(ctx, r.receiver, callTime, "Receiver.Look", None{}, &after); err != nil {
		return p, err
	}
	p.fill(before, after, sent, length)
	if rate == 0 {
		p.DeliveredRate = float64(inTime-before.Delivered) / length.Seconds()
	}
	return p, nil
}

// run has all senders send at the same time, and adds up what they have sent.
func (r *Rig) run(ctx context.Context, rate float64, length time.Duration) (total RunReply, err error) {
	replies := make([]RunReply, len(r.senders))
	err = r.senders.Each(ctx, func(ctx context.Context, i int, c *load.Child) error {
		_, n := r.senders.Share(r.Shape.Connections, i)
		args := RunArgs{Rate: rate * float64(n) / float64(r.Shape.Connections), For: length}
		return call(ctx, c, length+callTime, "Sender.Run", args, &replies[i])
	})
	for _, reply := range replies {
		total.Sent += reply.Sent
		total.Refused += reply.Refused
		total.CPU += reply.CPU
	}
	return total, err
}

// drain waits until the receiver's count is want, or rests.
func (r *Rig) drain(ctx context.Context, want uint64) error {
	var last uint64
	began := time.Now()
	for quiet := began; time.Since(quiet) < drainQuiet && time.Since(began) < drainMost; {
		var n uint64
		if err := call(ctx, r.receiver, callTime, "Receiver.Count", None{}, &n); err != nil {
			return err
		}
		if n >= want {
			return nil
		}
		if n != last {
			last, quiet = n, time.Now()
		}
		time.Sleep(drainLook)
	}
	return nil
}

func (p *Point) fill(before, after LookReply, sent RunReply, length time.Duration) {
	p.Sent, p.Delivered = sent.Sent, after.Delivered-before.Delivered
	p.SentRate, p.DeliveredRate = float64(p.Sent)/length.Seconds(), float64(p.Delivered)/length.Seconds()
	if p.Sent > 0 {
		p.Delivery = float64(p.Delivered) / float64(p.Sent)
		p.SenderNs = float64(sent.CPU) / float64(p.Sent)
	}
	if p.Delivered > 0 {
		p.ReceiverNs = float64(after.CPU-before.CPU) / float64(p.Delivered)
	}
	if n := after.Facts.Datagrams - before.Facts.Datagrams; n > 0 {
		p.PerDatagram = float64(p.Delivered) / float64(n)
	}
	p.P50us, p.P99us, p.P999us = microseconds(after.P50), microseconds(after.P99), microseconds(after.P999)
	p.addDrop("refused by Send", sent.Refused)
	p.addDrop("wrong", after.Wrong-before.Wrong)
	for reason, n := range after.Facts.Drops {
		p.addDrop(reason, n-before.Facts.Drops[reason])
	}
}

func (p *Point) addDrop(reason string, n uint64) {
	if n == 0 {
		return
	}
	if p.Drops == nil {
		p.Drops = make(map[string]uint64)
	}
	p.Drops[reason] += n
}

func microseconds(d time.Duration) float64 { return float64(d) / 1e3 }

// String returns the point in a line.
func (p Point) String() string {
	offered := "flat out"
	if p.Offered > 0 {
		offered = fmt.Sprintf("%.0f/s offered", p.Offered)
	}
	return fmt.Sprintf("%s: %.0f/s sent, %.0f/s delivered, %.3f %%; receiver %.0f ns, senders %.0f ns a message; latency p50 %.0f us, p99 %.0f us",
		offered, p.SentRate, p.DeliveredRate, 100*p.Delivery, p.ReceiverNs, p.SenderNs, p.P50us, p.P99us)
}
