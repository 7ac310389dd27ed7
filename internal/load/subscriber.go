package load

import (
	"context"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/histogram"
)

// Subscriber is the service of a child whose peers count what they are sent.
type Subscriber struct {
	ctx context.Context
	join
	receivers []*Receiver // of the sockets, each with a loop of its own
}

// Expect announces a run to a Subscriber.
type Expect struct {
	Run  uint32
	Rate float64 // messages per second, to all sockets of the child
}

// Arrived is what a Subscriber has counted in a run so far.
type Arrived struct {
	Delivered uint64
	Latency   *histogram.Snapshot
}

// Connect connects the crowd.
func (s *Subscriber) Connect(c Crowd, _ *struct{}) error {
	return s.connect(s.ctx, c, func() handler {
		r := new(Receiver)
		s.receivers = append(s.receivers, r)
		return func(_ *intentra.Peer, m intentra.Message) { r.Handle(m.Payload) }
	})
}

// Begin starts a run.
func (s *Subscriber) Begin(e Expect, _ *struct{}) error {
	for _, r := range s.receivers {
		r.Begin(e.Run, e.Rate/float64(len(s.receivers)))
	}
	return nil
}

// Count returns how many messages of the run have arrived.
func (s *Subscriber) Count(_ struct{}, n *uint64) error {
	for _, r := range s.receivers {
		*n += r.Delivered()
	}
	return nil
}

// Arrived returns what has arrived of the run.
func (s *Subscriber) Arrived(_ struct{}, a *Arrived) error {
	a.Latency = new(histogram.Snapshot)
	for _, r := range s.receivers {
		a.Delivered += r.Delivered()
		a.Latency.Add(r.Latency())
	}
	return nil
}
