package trial

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/internal/load"
)

// dialTime bounds the opening of all connections of a sender.
const dialTime = 90 * time.Second

var errNotDialled = errors.New("the sender has no connections")

// Sender is the service of a child that sends.
type Sender struct {
	ctx       context.Context // ends with the parent
	contender contender.Contender
	setup     contender.Setup
	to        contender.Target
	client    contender.Client
	echoes    echoes
	lanes     []*lane
}

// Dial opens the connections. It is the first call.
func (s *Sender) Dial(a DialArgs, _ *None) (err error) {
	if s.contender, err = Find(a.Contender); err != nil {
		return err
	}
	s.setup, s.to = a.Setup, a.To
	if a.Connections == 0 {
		return nil // the sender is for Connect alone
	}
	ctx, cancel := context.WithTimeout(s.ctx, dialTime)
	defer cancel()
	var echo func(contender.Client, []byte)
	if a.Echo {
		echo = s.echoes.receive
	}
	if s.client, err = s.contender.Dial(ctx, a.Setup, a.To, echo); err != nil {
		return err
	}
	n := s.client.Lanes()
	for number := range n {
		l := &lane{client: s.client, number: number, payload: make([]byte, a.Size)}
		for i := number; i < a.Connections; i += n {
			l.connections = append(l.connections, i)
		}
		s.lanes = append(s.lanes, l)
	}
	return nil
}

// Run sends.
func (s *Sender) Run(a RunArgs, reply *RunReply) error {
	if s.client == nil {
		return errNotDialled
	}
	before, err := load.CPUTime()
	if err != nil {
		return err
	}
	var sent, refused atomic.Uint64
	var all sync.WaitGroup
	start := load.Now()
	for _, l := range s.lanes {
		share := float64(len(l.connections)) / float64(s.setup.Connections)
		all.Go(func() {
			n, no := l.run(s.ctx, a.ID, load.NewPacer(start, a.Rate*share, a.For))
			sent.Add(n)
			refused.Add(no)
		})
	}
	all.Wait()
	after, err := load.CPUTime()
	*reply = RunReply{Sent: sent.Load(), Refused: refused.Load(), CPU: after - before}
	return err
}

// RoundTrip sends one message at a time back and forth on the first connection.
func (s *Sender) RoundTrip(length time.Duration, reply *RoundTripReply) error {
	if s.client == nil {
		return errNotDialled
	}
	*reply = s.echoes.run(s.ctx, s.client, s.setup.Size, length)
	return nil
}

// Connect opens and closes connections.
func (s *Sender) Connect(a ConnectArgs, reply *ConnectReply) error {
	c, ok := s.contender.(contender.Connector)
	if !ok {
		return errNotDialled
	}
	var done, failed atomic.Uint64
	var reason atomic.Value
	var all sync.WaitGroup
	start := time.Now()
	for range a.Workers {
		all.Go(func() {
			for time.Since(start) < a.For && s.ctx.Err() == nil {
				ctx, cancel := context.WithTimeout(s.ctx, dialTime)
				err := c.Connect(ctx, s.setup, s.to)
				cancel()
				if err != nil {
					failed.Add(1)
					reason.Store(err.Error())
					continue
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	*reply = ConnectReply{Done: done.Load(), Failed: failed.Load(), Elapsed: time.Since(start)}
	reply.Error, _ = reason.Load().(string)
	return nil
}
