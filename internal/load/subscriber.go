package load

import (
	"context"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/histogram"
)

// Subscriber is the service of a child whose peers count the messages that they
// receive.
type Subscriber struct {
	ctx context.Context
	Members
	receivers []*Receiver // one for each transport
}

// Expect announces a measurement to a Subscriber.
type Expect struct {
	ID   uint32  // of the messages' stamps
	Rate float64 // messages per second, to all transports of the child
}

// Arrived is what a Subscriber has counted in a measurement so far.
type Arrived struct {
	Delivered uint64
	Latency   *histogram.Snapshot
}

// Connect connects the crowd.
func (s *Subscriber) Connect(c Crowd, _ *struct{}) (err error) {
	s.Members, err = c.Connect(s.ctx, func() Handler {
		r := new(Receiver)
		s.receivers = append(s.receivers, r)
		return func(m intentra.Received) { r.Handle(m.Payload) }
	})
	return err
}

// Begin starts a measurement.
func (s *Subscriber) Begin(e Expect, _ *struct{}) error {
	for _, r := range s.receivers {
		r.Begin(e.ID, SampleEvery(e.Rate/float64(len(s.receivers))))
	}
	return nil
}

// Count returns how many messages of the measurement have arrived.
func (s *Subscriber) Count(_ struct{}, n *uint64) error {
	for _, r := range s.receivers {
		*n += r.Delivered()
	}
	return nil
}

// Arrived returns what has arrived in the measurement.
func (s *Subscriber) Arrived(_ struct{}, a *Arrived) error {
	a.Latency = new(histogram.Snapshot)
	for _, r := range s.receivers {
		a.Delivered += r.Delivered()
		a.Latency.Add(r.Latency())
	}
	return nil
}
