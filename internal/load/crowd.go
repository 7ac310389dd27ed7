package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/udp"
)

// Handler is a Config.Handler.
type Handler = func(intentra.Received)

// discard is a Handler for peers that only send.
func discard(intentra.Received) {}

// dialsAtOnce is how many peers of a child connect at a time.
const dialsAtOnce = 64

// Crowd describes peers that connect to one server: real sessions, each under
// its own identity, that share a few sockets.
type Crowd struct {
	Addr   string
	Server intentra.PublicKey
	// Identities First to First+Peers-1 of Seed connect, in turn over Sockets
	// sockets, at least one.
	Seed         Seed
	First, Peers int
	Sockets      int
	Limits       Limits
	// Buffer is how many bytes of socket buffer to ask for, each way; zero
	// leaves the default.
	Buffer int `json:",omitempty"`
	// MaxQueueDelay is that of the sockets; see [udp.Config].
	MaxQueueDelay time.Duration `json:",omitempty"`
	// Procs is the GOMAXPROCS of a sending child; zero leaves it alone.
	Procs int
}

// Members are the peers of a Crowd and the transports that they share.
type Members struct {
	Transports []*intentra.Transport
	Peers      []*intentra.Peer
}

// Connect opens the crowd's transports and dials for all its peers. handler is
// called once for each transport and returns its Handler. Connect returns when
// all peers are connected or the first has failed; the caller closes the
// Members even then.
func (c Crowd) Connect(ctx context.Context, handler func() Handler) (m Members, err error) {
	if m.Transports, err = c.listen(handler); err != nil {
		return m, err
	}
	m.Peers = make([]*intentra.Peer, c.Peers)
	err = Parallel(ctx, c.Peers, dialsAtOnce, func(ctx context.Context, i int) (err error) {
		m.Peers[i], err = c.dial(ctx, m.Transports, i)
		if err != nil {
			err = fmt.Errorf("peer %d: %w", c.First+i, err)
		}
		return err
	})
	return m, err
}

// listen opens the crowd's transports. Each has an identity that it does not
// use: DialAs gives every peer its own.
func (c Crowd) listen(handler func() Handler) (opened []*intentra.Transport, err error) {
	for range max(c.Sockets, 1) {
		cfg := intentra.Config{
			Handler: handler(),
			Socket:  udp.Config{ReadBuffer: c.Buffer, WriteBuffer: c.Buffer, MaxQueueDelay: c.MaxQueueDelay},
		}
		c.Limits.Apply(&cfg)
		if cfg.Key, err = intentra.GenerateKey(); err == nil {
			var t *intentra.Transport
			if t, err = intentra.Listen(loopback.String(), cfg); err == nil {
				opened = append(opened, t)
				continue
			}
		}
		closeAll(opened)
		return nil, err
	}
	return opened, nil
}

// dial connects identity First + i % Peers.
func (c Crowd) dial(ctx context.Context, transports []*intentra.Transport, i int) (*intentra.Peer, error) {
	return transports[i%len(transports)].DialAs(ctx, c.Seed.Key(c.First+i%c.Peers), c.Addr, c.Server)
}

// Close closes all transports at the same time.
func (m *Members) Close() error {
	closeAll(m.Transports)
	return nil
}

func closeAll(transports []*intentra.Transport) {
	var wg sync.WaitGroup
	for _, t := range transports {
		wg.Go(func() { _ = t.Close() })
	}
	wg.Wait()
}

// drops returns the drops of all transports.
func (m *Members) drops() Drops {
	d := Drops{}
	for _, t := range m.Transports {
		d.Add(t.Stats())
	}
	return d
}

// queueDrops returns how many messages the send queues have rejected or
// discarded.
func (m *Members) queueDrops() (sum uint64) {
	for _, t := range m.Transports {
		sum += queueDrops(t)
	}
	return sum
}

func queueDrops(t *intentra.Transport) (sum uint64) {
	s := t.Stats()
	for _, d := range s.SendDrops {
		sum += d.Count
	}
	return sum + s.Superseded
}

// drain waits until all send queues are empty.
func (m *Members) drain(ctx context.Context) {
	_ = await(ctx, func() (bool, error) {
		queued := 0
		for _, t := range m.Transports {
			queued += t.Stats().QueueBytes
		}
		return queued == 0, nil
	})
}
