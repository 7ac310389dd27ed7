package load

import (
	"context"
	"runtime"
	"time"

	"github.com/intentra/intentra"
)

// Sender is the service of a child that sends to its parent, for the peers of a
// crowd in turn.
type Sender struct {
	ctx context.Context
	Members
}

// Run says what a Sender sends.
type Run struct {
	// ID is that of the messages' stamps.
	ID uint32
	// Start is the time of [Now] to begin at. Rate and Duration are those of
	// all messages of the child together.
	Start    time.Duration
	Rate     float64 // messages per second
	Duration time.Duration
	Size     int // bytes of a message, at least StampSize
	// MaxLate is that of [TestbedConfig].
	MaxLate time.Duration
}

// Sent is the outcome of a Run.
type Sent struct {
	// Offered messages fell due. Skipped of them were too late to be sent.
	Offered, Skipped uint64
	// Sent messages left the sender's queues. Drops says where other messages
	// and their packets were lost at the sender.
	Sent  uint64
	Drops Drops
	// CPU is the time that the process used while it was sending.
	CPU time.Duration
}

// Connect connects the crowd.
func (s *Sender) Connect(c Crowd, _ *struct{}) (err error) {
	if c.Procs > 0 {
		runtime.GOMAXPROCS(c.Procs)
	}
	s.Members, err = c.Connect(s.ctx, func() Handler { return discard })
	return err
}

// Run sends, and returns when the send queues are empty.
func (s *Sender) Run(r Run, sent *Sent) (err error) {
	dropsBefore, queueBefore := s.drops(), s.queueDrops()
	p := NewPacer(r.Start, r.Rate, r.Duration)
	if r.MaxLate > 0 {
		p.MaxLate = r.MaxLate
	}
	message := intentra.Message{Intent: intentra.Realtime, Payload: make([]byte, r.Size)}
	next := 0
	sent.CPU, err = cpuOf(s.ctx, p, func(n int, at time.Duration) {
		Stamp{at, r.ID}.Put(message.Payload)
		for range n {
			s.Peers[next].Send(message)
			if next++; next == len(s.Peers) {
				next = 0
			}
		}
	})
	if err != nil {
		return err
	}
	s.drain(s.ctx)
	sent.Offered, sent.Skipped = p.Offered(), p.Skipped()
	sent.Sent = sent.Offered - sent.Skipped - (s.queueDrops() - queueBefore)
	sent.Drops = s.drops().Since(dropsBefore)
	return nil
}

// cpuOf calls send for each burst of p, and returns the CPU time that the
// process used from p.Start until the last call returned.
func cpuOf(ctx context.Context, p *Pacer, send func(n int, at time.Duration)) (time.Duration, error) {
	if !SleepUntil(ctx, p.Start) {
		return 0, context.Cause(ctx)
	}
	before, err := CPUTime()
	if err != nil {
		return 0, err
	}
	for n, at := range p.Bursts(ctx) {
		send(n, at)
	}
	after, err := CPUTime()
	return after - before, err
}
