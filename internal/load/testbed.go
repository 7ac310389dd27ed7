package load

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/intentra/intentra"
)

// Testbed is a listening transport in this process, and children whose peers
// connect to it over the loopback interface. Its methods may be called from any
// goroutine.
type Testbed struct {
	TestbedConfig
	Transport *intentra.Transport
	children  Children
	seed      Seed
	id        uint32
}

// TestbedConfig describes a Testbed.
type TestbedConfig struct {
	// Peers are divided among Children processes, which have Sockets sockets
	// each, at least one.
	Peers, Children, Sockets int
	// Spare is how many more identities are authorized.
	Spare int
	// Limits are those of the listener.
	Limits Limits
	// MaxQueueDelay is that of all sockets; see [udp.Config].
	MaxQueueDelay time.Duration
	// MaxLate is how late a message may be sent, as in [Pacer]. Default 20 ms.
	MaxLate time.Duration
	// Command is the command line of a program that calls Serve with Services.
	// Its standard error goes to Stderr.
	Command []string
	Stderr  io.Writer
}

// open starts a listener and its children.
func open(ctx context.Context, c TestbedConfig, cfg intentra.Config) (*Testbed, error) {
	b := &Testbed{TestbedConfig: c, seed: NewSeed()}
	cfg.Authorize = b.seed.Authorize(c.Peers + c.Spare)
	c.Limits.Apply(&cfg)
	cfg.Socket.MaxQueueDelay = c.MaxQueueDelay
	var err error
	if cfg.Key, err = intentra.GenerateKey(); err != nil {
		return nil, err
	}
	if b.Transport, err = intentra.Listen(loopback.String(), cfg); err != nil {
		return nil, err
	}
	if b.children, err = StartChildren(ctx, c.Children, c.Command, c.Stderr); err != nil {
		_ = b.Transport.Close()
		return nil, err
	}
	return b, nil
}

// connect has every child connect its peers by calling method, and returns when
// the listener has all of them.
func (b *Testbed) connect(ctx context.Context, method string, limits Limits) error {
	err := b.children.Each(ctx, func(ctx context.Context, i int, c *Child) error {
		crowd := b.crowd(i)
		crowd.Limits = limits
		return c.Call(ctx, method, crowd, &struct{}{})
	})
	if err != nil {
		return err
	}
	return b.awaitPeers(ctx)
}

// awaitPeers waits for the listener's own count, which follows that of the
// dialers within a turn of its loop.
func (b *Testbed) awaitPeers(ctx context.Context) error {
	err := await(ctx, func() (bool, error) { return b.Connected() >= b.Peers, nil })
	if n := b.Connected(); err == nil && n < b.Peers {
		err = fmt.Errorf("%d of %d peers are connected", n, b.Peers)
	}
	return err
}

// crowd returns the share of child i.
func (b *Testbed) crowd(i int) Crowd {
	first, n := b.children.Share(b.Peers, i)
	return Crowd{
		Addr: b.Transport.LocalAddr().String(), Server: b.Transport.PublicKey(), Seed: b.seed,
		First: first, Peers: n, Sockets: min(max(b.Sockets, 1), max(n, 1)), MaxQueueDelay: b.MaxQueueDelay,
		// Senders leave a CPU to the loop that receives. With one thread, a
		// sender also sends all messages of a tick together, which is cheapest.
		Procs: max((runtime.NumCPU()-1)/len(b.children), 1),
	}
}

// pacer returns the Pacer of a measurement.
func (b *Testbed) pacer(start time.Duration, rate float64, duration time.Duration) *Pacer {
	p := NewPacer(start, rate, duration)
	if b.MaxLate > 0 {
		p.MaxLate = b.MaxLate
	}
	return p
}

// Connected returns how many peers are connected.
func (b *Testbed) Connected() int { return b.Transport.Stats().Sessions }

// Close ends the children and closes the listener.
func (b *Testbed) Close() {
	b.children.Close()
	_ = b.Transport.Close()
}

// nextID returns an ID for the stamps of a new measurement, from 1.
func (b *Testbed) nextID() uint32 {
	b.id++
	return b.id
}
