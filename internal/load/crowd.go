package load

import (
	"context"
	"fmt"
	"sync"

	"github.com/intentra/intentra"
)

// handler is a Config.Handler.
type handler = func(*intentra.Peer, intentra.Message)

// dialsAtOnce is how many peers of a child connect at a time.
const dialsAtOnce = 64

// Crowd are the peers that a child is to connect: real sessions, each under an
// identity of its own, over few sockets.
type Crowd struct {
	Addr   string
	Server intentra.PublicKey
	// Identities First to First+Peers-1 of Seed connect, in turn over Sockets
	// sockets, at least one.
	Seed         Seed
	First, Peers int
	Sockets      int
	Limits       Limits
	// Procs is the GOMAXPROCS of a sending child, or zero to leave it.
	Procs int
}

// sockets opens the crowd's transports. They have no identity of their own to
// speak of: DialAs gives one to each peer. handler makes the Handler of each.
func (c Crowd) sockets(handler func() handler) (opened []*intentra.Transport, err error) {
	for range max(c.Sockets, 1) {
		cfg := intentra.Config{Handler: handler()}
		c.Limits.Apply(&cfg)
		if cfg.Key, err = intentra.GenerateKey(); err == nil {
			var t *intentra.Transport
			if t, err = intentra.Listen("127.0.0.1:0", cfg); err == nil {
				opened = append(opened, t)
				continue
			}
		}
		closeAll(opened)
		return nil, err
	}
	return opened, nil
}

// connect dials for all peers. It returns when all are connected, or the first
// has failed.
func (c Crowd) connect(ctx context.Context, sockets []*intentra.Transport) ([]*intentra.Peer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	peers := make([]*intentra.Peer, c.Peers)
	slots := make(chan struct{}, dialsAtOnce)
	var wg sync.WaitGroup
	for i := range peers {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			var err error
			peers[i], err = sockets[i%len(sockets)].DialAs(ctx, c.Seed.Key(c.First+i), c.Addr, c.Server)
			if err != nil {
				cancel(fmt.Errorf("peer %d: %w", c.First+i, err))
			}
		})
	}
	wg.Wait()
	return peers, context.Cause(ctx)
}

func closeAll(transports []*intentra.Transport) {
	var wg sync.WaitGroup
	for _, t := range transports {
		wg.Go(func() { _ = t.Close() })
	}
	wg.Wait()
}

// join is the part of a child that holds a crowd.
type join struct {
	sockets []*intentra.Transport
	peers   []*intentra.Peer
}

// connect connects a crowd, once.
func (j *join) connect(ctx context.Context, c Crowd, handler func() handler) (err error) {
	if j.sockets, err = c.sockets(handler); err != nil {
		return err
	}
	j.peers, err = c.connect(ctx, j.sockets)
	return err
}

// drops returns the drops on all sockets.
func (j *join) drops() Drops {
	d := Drops{}
	for _, t := range j.sockets {
		d.Add(t.Stats())
	}
	return d
}

// Close ends all connections at once.
func (j *join) Close() error {
	closeAll(j.sockets)
	return nil
}
