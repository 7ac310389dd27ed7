package ours

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/bench/contender"
)

// parallelDials is how many connections are opened at a time.
const parallelDials = 32

type client struct {
	transport *intentra.Transport
	peers     []*intentra.Peer
}

// Dial opens the connections.
func (c Contender) Dial(ctx context.Context, s contender.Setup, to contender.Target,
	echo func(contender.Client, []byte)) (contender.Client, error) {
	if c.Sockets {
		return dialSockets(ctx, s, to, echo)
	}
	cfg, err := config(s)
	if err != nil {
		return nil, err
	}
	l := &client{peers: make([]*intentra.Peer, s.Connections)}
	cfg.Handler = func(_ *intentra.Peer, m intentra.Message) {
		if echo != nil {
			echo(l, m.Payload)
		}
	}
	if l.transport, err = intentra.Listen("127.0.0.1:0", cfg); err != nil {
		return nil, err
	}
	group, dialling := errgroup.WithContext(ctx)
	group.SetLimit(parallelDials)
	for i := range l.peers {
		group.Go(func() error {
			identity, err := intentra.GenerateKey()
			if err == nil {
				l.peers[i], err = l.transport.DialAs(dialling, identity, to.Addr, intentra.PublicKey(to.Key))
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("%s: %w", c.Name(), err)
	}
	return l, nil
}

func (c *client) Send(i int, payload []byte, wait bool) bool {
	m := intentra.Message{Intent: intentra.Realtime, Payload: payload}
	if wait {
		return c.peers[i].SendWait(context.Background(), m) == nil
	}
	return c.peers[i].Send(m).Status != intentra.Dropped
}

// Flush has nothing to do: the transport's loop has been told.
func (*client) Flush(int) {}

func (*client) Lanes() int { return 1 }

func (c *client) Close() error { return c.transport.Close() }
