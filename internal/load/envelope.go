package load

import (
	"context"
	"fmt"
	"time"

	"github.com/intentra/intentra"
)

// lead is how far ahead the start of a run is agreed on, so that nobody is late
// for it.
const lead = 50 * time.Millisecond

// Envelope is a Testbed whose children send to the transport of this process.
type Envelope struct {
	*Testbed
	EnvelopeConfig
	receiver  Receiver
	receiving chan struct{} // closed when Receive has ended
}

// EnvelopeConfig says how messages are taken.
type EnvelopeConfig struct {
	// Receive has messages go through Transport.Receive instead of a Handler.
	Receive bool
	// HandlerCost is how long each message is worked on.
	HandlerCost time.Duration
}

// OpenEnvelope starts the receiver, and the children.
func OpenEnvelope(ctx context.Context, b TestbedConfig, c EnvelopeConfig) (e *Envelope, err error) {
	e = &Envelope{EnvelopeConfig: c, receiving: make(chan struct{})}
	e.receiver.Cost = c.HandlerCost
	var cfg intentra.Config
	if !c.Receive {
		cfg.Handler = func(_ *intentra.Peer, m intentra.Message) { e.receiver.Handle(m.Payload) }
	}
	if e.Testbed, err = open(ctx, b, cfg); err != nil {
		return nil, err
	}
	go e.receive()
	return e, nil
}

// receive ends when the transport is closed.
func (e *Envelope) receive() {
	defer close(e.receiving)
	for e.Receive {
		m, err := e.Transport.Receive(context.Background())
		if err != nil {
			return
		}
		e.receiver.Handle(m.Payload)
	}
}

// Connect connects all peers.
func (e *Envelope) Connect(ctx context.Context) error {
	return e.connect(ctx, "Sender.Connect", Limits{})
}

// Close ends everything.
func (e *Envelope) Close() {
	e.receiver.Begin(0, 1) // no work on what Receive still finds
	e.Testbed.Close()
	<-e.receiving
}

// Delivered returns how many messages of the present run have arrived.
func (e *Envelope) Delivered() uint64 { return e.receiver.Delivered() }

// Measure has all peers together send rate messages of size bytes a second, for
// a while to warm up and then, once nothing of that is under way any more, for
// a duration that is measured.
func (e *Envelope) Measure(ctx context.Context, rate float64, size int, warmup, duration time.Duration) (*Point, error) {
	if warmup > 0 {
		if _, err := e.send(ctx, rate, size, warmup); err != nil {
			return nil, err
		}
	}
	return e.send(ctx, rate, size, duration)
}

func (e *Envelope) send(ctx context.Context, rate float64, size int, duration time.Duration) (*Point, error) {
	run := e.nextRun()
	e.receiver.Begin(run, rate)
	m := newMeter(e.Transport)
	start := Now() + lead
	sent := make([]Sent, len(e.children))
	sending := make(chan error, 1)
	go func() {
		sending <- e.children.Each(ctx, func(ctx context.Context, i int, c *Child) error {
			first, n := e.children.Share(e.Peers, i)
			r := Run{Run: run, Rate: rate * float64(n) / float64(e.Peers), Duration: duration, Size: size}
			// The children's schedules interleave as one would.
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
	err = await(ctx, drainLimit, func() (bool, error) { return e.Delivered() >= p.Sent, nil })
	if err != nil {
		return nil, err
	}
	p.Delivered, p.LatencyUs = e.Delivered(), LatencyOf(e.receiver.Latency())
	p.Drops, p.MessagesPerDatagram = m.losses()
	p.CPUNsPerPacket = Ratio(float64(cpu), float64(inTime))
	p.SenderCPUNsPerPacket = Ratio(float64(senderCPU), float64(p.Sent))
	p.rates(duration)
	return p, nil
}

// String names the way that messages take, for tables.
func (c EnvelopeConfig) String() string {
	way := "Handler"
	if c.Receive {
		way = "Receive(ctx)"
	}
	if c.HandlerCost > 0 {
		way += fmt.Sprintf(", %v of work a message", c.HandlerCost)
	}
	return way
}
