package ours

import (
	"context"
	"sync"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/bench/contender"
)

type server struct {
	transport *intentra.Transport
	readers   sync.WaitGroup
}

// Serve opens a receiver that authorizes every key.
func (c Contender) Serve(_ context.Context, s contender.Setup, sink *contender.Sink) (contender.Server, error) {
	cfg, err := config(s)
	if err != nil {
		return nil, err
	}
	cfg.Authorize = intentra.AllowAny
	lane := sink.Lane()
	take := func(m intentra.Received) {
		if lane.Deliver(m.Payload) {
			m.Peer.Send(m.Message)
		}
	}
	if !c.Receive {
		cfg.Handler = take
	}
	v := new(server)
	if v.transport, err = intentra.Listen("127.0.0.1:0", cfg); err != nil {
		return nil, err
	}
	if c.Receive {
		v.readers.Go(func() { v.receive(take) })
	}
	return v, nil
}

func (v *server) receive(take func(intentra.Received)) {
	for {
		m, err := v.transport.Receive(context.Background())
		if err != nil {
			return
		}
		take(m)
	}
}

func (v *server) Target() contender.Target {
	key := v.transport.PublicKey()
	return contender.Target{Addr: v.transport.LocalAddr().String(), Key: key[:]}
}

func (v *server) Facts() contender.Facts {
	s := v.transport.Stats()
	f := contender.Facts{Datagrams: s.PacketsIn, Drops: map[string]uint64{
		"kernel": s.Socket.Overflowed, "receive queue": s.ReceiveDrops,
	}}
	for _, d := range s.In.Drops {
		if n := d.Packets + d.Messages; n > 0 {
			f.Drops[d.Stage+"/"+d.Reason] = n
		}
	}
	return f
}

func (v *server) Close() error {
	err := v.transport.Close()
	v.readers.Wait()
	return err
}
