package ours

import (
	"context"
	"fmt"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/internal/load"
)

type client struct{ load.Members }

// Dial opens the connections.
func (c Contender) Dial(ctx context.Context, s contender.Setup, to contender.Target,
	echo func(contender.Client, []byte)) (contender.Client, error) {
	if c.Sockets {
		return dialSockets(ctx, s, to, echo)
	}
	crowd := load.Crowd{
		Addr: to.Addr, Server: intentra.PublicKey(to.Key), Seed: load.NewSeed(),
		Peers: s.Connections, Limits: limits(s), Buffer: s.Buffer,
	}
	l := new(client)
	var err error
	l.Members, err = crowd.Connect(ctx, func() load.Handler {
		return func(m intentra.Received) {
			if echo != nil {
				echo(l, m.Payload)
			}
		}
	})
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("%s: %w", c.Name(), err)
	}
	return l, nil
}

func (c *client) Send(i int, payload []byte, wait bool) bool {
	m := intentra.Message{Intent: intentra.Realtime, Payload: payload}
	if wait {
		return c.Peers[i].SendWait(context.Background(), m) == nil
	}
	return c.Peers[i].Send(m).Status != intentra.Dropped
}

// Flush does nothing: Send has already woken the transport's loop.
func (*client) Flush(int) {}

func (*client) Lanes() int { return 1 }
