package load

import (
	"context"
	"runtime"
	"time"

	"github.com/intentra/intentra"
)

// What we chose.
const (
	// drainLimit bounds the wait for what is on its way when sending ends.
	drainLimit = time.Second
	drainLook  = 2 * time.Millisecond
)

// Sender is the service of a child that sends to its parent, for all peers of a
// crowd in turn.
type Sender struct {
	ctx context.Context
	join
}

// Run says what a child is to send, or its parent.
type Run struct {
	// Run is the number in the messages' stamps.
	Run uint32
	// Start is when to begin, by Now, and Rate and Duration are of all the
	// child's messages together.
	Start    time.Duration
	Rate     float64 // messages per second
	Duration time.Duration
	Size     int // bytes, at least StampSize
}

// Sent is what became of a run.
type Sent struct {
	// Offered messages fell due; Skipped ones of them were too late to be sent.
	Offered, Skipped uint64
	// Sent messages left the sender's queues; Drops says where others, or their
	// packets, were lost at the sender.
	Sent  uint64
	Drops Drops
	// CPU is what the process used while it was sending.
	CPU time.Duration
}

// Connect connects the crowd.
func (s *Sender) Connect(c Crowd, _ *struct{}) error {
	if c.Procs > 0 {
		runtime.GOMAXPROCS(c.Procs)
	}
	return s.connect(s.ctx, c, func() handler { return func(*intentra.Peer, intentra.Message) {} })
}

// Run sends, and returns once nothing waits to be sent any more.
func (s *Sender) Run(r Run, sent *Sent) (err error) {
	dropsBefore, queueBefore := s.drops(), s.queueDrops()
	if !SleepUntil(s.ctx, r.Start) {
		return context.Cause(s.ctx)
	}
	before, err := CPUTime()
	if err != nil {
		return err
	}
	p := NewPacer(r.Start, r.Rate, r.Duration)
	message := intentra.Message{Intent: intentra.Realtime, Payload: make([]byte, r.Size)}
	next := 0
	for n, at, ok := p.Next(s.ctx); ok; n, at, ok = p.Next(s.ctx) {
		Stamp{at, r.Run}.Put(message.Payload)
		for range n {
			s.peers[next].Send(message)
			if next++; next == len(s.peers) {
				next = 0
			}
		}
	}
	after, err := CPUTime()
	if err != nil {
		return err
	}
	s.drain()
	sent.Offered, sent.Skipped = p.Offered(), p.Skipped()
	sent.Sent = sent.Offered - sent.Skipped - (s.queueDrops() - queueBefore)
	sent.Drops = s.drops().Since(dropsBefore)
	sent.CPU = after - before
	return nil
}

// queueDrops returns how many messages the sender's queues have refused or given
// up.
func (j *join) queueDrops() (sum uint64) {
	for _, t := range j.sockets {
		sum += queueDrops(t)
	}
	return sum
}

func queueDrops(t *intentra.Transport) (sum uint64) {
	for _, d := range t.Stats().SendDrops {
		sum += d.Count
	}
	return sum
}

// drain waits until nothing waits to be sent.
func (s *Sender) drain() {
	_ = await(s.ctx, drainLimit, func() (bool, error) {
		waiting := 0
		for _, t := range s.sockets {
			waiting += t.Stats().QueueBytes
		}
		return waiting == 0, nil
	})
}

// await looks until there is nothing more to wait for, at most for limit.
func await(ctx context.Context, limit time.Duration, over func() (bool, error)) error {
	for began := Now(); Now()-began < limit; {
		if done, err := over(); done || err != nil {
			return err
		}
		if !Sleep(ctx, drainLook) {
			return context.Cause(ctx)
		}
	}
	return nil
}
