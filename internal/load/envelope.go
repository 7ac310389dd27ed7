package load

import (
	"context"
	"fmt"
	"time"

	"github.com/intentra/intentra"
)

// lead is how far in the future a measurement starts, so that every process can
// be ready for it.
const lead = 50 * time.Millisecond

// Envelope is a Testbed whose children send to the transport of this process.
type Envelope struct {
	*Testbed
	EnvelopeConfig
	receiver  Receiver
	receiving chan struct{} // closed when Receive is no longer called
}

// EnvelopeConfig says how messages are received.
type EnvelopeConfig struct {
	// Way is how messages are taken from the transport.
	Way ReceiveWay
	// HandlerCost is how long each message keeps the CPU busy.
	HandlerCost time.Duration
}

// ReceiveWay is a way to take messages from a transport.
type ReceiveWay string

// The ways. The zero value means ByHandler.
const (
	ByHandler ReceiveWay = "handler"
	ByBatch   ReceiveWay = "batch" // Transport.ReceiveBatch
	ByOne     ReceiveWay = "one"   // Transport.Receive
)

// receiveBatch is the size of the slice given to ReceiveBatch.
const receiveBatch = 256

// OpenEnvelope starts the receiver and the children.
func OpenEnvelope(ctx context.Context, b TestbedConfig, c EnvelopeConfig) (e *Envelope, err error) {
	e = &Envelope{EnvelopeConfig: c, receiving: make(chan struct{})}
	e.receiver.Cost = c.HandlerCost
	var cfg intentra.Config
	if c.Way != ByBatch && c.Way != ByOne {
		cfg.Handler = func(m intentra.Received) { e.receiver.Handle(m.Payload) }
	}
	if e.Testbed, err = open(ctx, b, cfg); err != nil {
		return nil, err
	}
	go e.receive()
	return e, nil
}

// receive returns when the transport is closed.
func (e *Envelope) receive() {
	defer close(e.receiving)
	switch e.Way {
	case ByBatch:
		batch := make([]intentra.Received, receiveBatch)
		for {
			n, err := e.Transport.ReceiveBatch(context.Background(), batch)
			if err != nil {
				return
			}
			for i := range batch[:n] {
				e.receiver.Handle(batch[i].Payload)
			}
		}
	case ByOne:
		for {
			m, err := e.Transport.Receive(context.Background())
			if err != nil {
				return
			}
			e.receiver.Handle(m.Payload)
		}
	}
}

// Connect connects all peers.
func (e *Envelope) Connect(ctx context.Context) error {
	return e.connect(ctx, "Sender.Connect", Limits{})
}

// Close ends the children and closes the listener.
func (e *Envelope) Close() {
	e.receiver.Begin(0, 1) // HandlerCost must not apply to messages still queued
	e.Testbed.Close()
	<-e.receiving
}

// Delivered returns how many messages of the current measurement have arrived.
func (e *Envelope) Delivered() uint64 { return e.receiver.Delivered() }

// Measure has all peers together send rate messages of size bytes a second,
// first for the time warmup and then, when no message of the warm-up is under
// way any more, for the time duration, which it measures.
func (e *Envelope) Measure(ctx context.Context, rate float64, size int, warmup, duration time.Duration) (*Point, error) {
	if warmup > 0 {
		if _, err := e.send(ctx, rate, size, warmup); err != nil {
			return nil, err
		}
	}
	return e.send(ctx, rate, size, duration)
}

func (e *Envelope) send(ctx context.Context, rate float64, size int, duration time.Duration) (*Point, error) {
	id := e.nextID()
	e.receiver.Begin(id, SampleEvery(rate))
	m := newMeter(e.Transport)
	start := Now() + lead
	sent := make([]Sent, len(e.children))
	sending := make(chan error, 1)
	go func() {
		sending <- e.children.Each(ctx, func(ctx context.Context, i int, c *Child) error {
			first, n := e.children.Share(e.Peers, i)
			r := Run{ID: id, Rate: rate * float64(n) / float64(e.Peers), Duration: duration, Size: size, MaxLate: e.MaxLate}
			// The schedules of the children interleave evenly.
			r.Start = start + time.Duration(float64(first)/float64(e.Peers)/rate*float64(time.Second))
			return c.Call(ctx, "Sender.Run", r, &sent[i])
		})
	}()
	cpu, inTime, err := m.during(ctx, start, duration, &e.receiver)
	if sendErr := <-sending; sendErr != nil {
		return nil, sendErr
	}
	if err != nil {
		return nil, err
	}
	p := &Point{Peers: e.Peers, Hz: rate / float64(e.Peers), SenderDrops: Drops{}}
	var senderCPU time.Duration
	for _, s := range sent {
		p.Offered += s.Offered
		p.Skipped += s.Skipped
		p.Sent += s.Sent
		p.SenderDrops.Merge(s.Drops)
		senderCPU += s.CPU
	}
	if err := await(ctx, func() (bool, error) { return e.Delivered() >= p.Sent, nil }); err != nil {
		return nil, err
	}
	p.Delivered, p.LatencyUs = e.Delivered(), LatencyOf(e.receiver.Latency())
	p.Drops, p.MessagesPerDatagram, p.SentPerMessage = m.losses()
	p.CPUNsPerPacket = Ratio(float64(cpu), float64(inTime))
	p.SenderCPUNsPerPacket = Ratio(float64(senderCPU), float64(p.Sent))
	p.rates(duration)
	return p, nil
}

// String names how messages are received, for tables.
func (c EnvelopeConfig) String() string {
	way := "Handler"
	switch c.Way {
	case ByBatch:
		way = "ReceiveBatch(ctx)"
	case ByOne:
		way = "Receive(ctx)"
	}
	if c.HandlerCost > 0 {
		way += fmt.Sprintf(", %v of work a message", c.HandlerCost)
	}
	return way
}
