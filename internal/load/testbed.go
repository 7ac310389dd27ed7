package load

import (
	"context"
	"fmt"
	"io"
	"runtime"

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
	run       uint32
}

// TestbedConfig says what a testbed is made of.
type TestbedConfig struct {
	// Peers are shared out among Children processes with Sockets sockets each,
	// at least one.
	Peers, Children, Sockets int
	// Spare is how many more identities may connect.
	Spare int
	// Limits are those of the listener.
	Limits Limits
	// Command is the command line of a program that calls Serve with Services,
	// and Stderr gets what it has to complain about.
	Command []string
	Stderr  io.Writer
}

// open starts a listener and its children.
func open(ctx context.Context, c TestbedConfig, cfg intentra.Config) (*Testbed, error) {
	b := &Testbed{TestbedConfig: c, seed: NewSeed()}
	cfg.Authorize = b.seed.Authorize(c.Peers + c.Spare)
	c.Limits.Apply(&cfg)
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

// connect has the children connect their peers with a method of theirs, and
// returns when all are up on this side, too.
func (b *Testbed) connect(ctx context.Context, method string, limits Limits) error {
	err := b.children.Each(ctx, func(ctx context.Context, i int, c *Child) error {
		crowd := b.crowd(i)
		crowd.Limits = limits
		return c.Call(ctx, method, crowd, &struct{}{})
	})
	if err != nil {
		return err
	}
	// The listener's own count follows within a turn of its loop.
	all := func() (bool, error) { return b.Connected() >= b.Peers, nil }
	if err := await(ctx, drainLimit, all); err != nil {
		return err
	}
	if n := b.Connected(); n < b.Peers {
		return fmt.Errorf("%d of %d peers are connected", n, b.Peers)
	}
	return nil
}

// crowd returns the share of child i.
func (b *Testbed) crowd(i int) Crowd {
	first, n := b.children.Share(b.Peers, i)
	return Crowd{
		Addr: b.Transport.LocalAddr().String(), Server: b.Transport.PublicKey(), Seed: b.seed,
		First: first, Peers: n, Sockets: min(max(b.Sockets, 1), max(n, 1)),
		// Senders leave a CPU to the loop that receives. With one thread each
		// they also send all that fell due in a tick at once, which is cheapest.
		Procs: max((runtime.NumCPU()-1)/len(b.children), 1),
	}
}

// Connected returns how many peers are connected.
func (b *Testbed) Connected() int { return b.Transport.Stats().Sessions }

// Close ends the children and the listener.
func (b *Testbed) Close() {
	b.children.Close()
	_ = b.Transport.Close()
}

// nextRun returns a number for the stamps of a run.
func (b *Testbed) nextRun() uint32 {
	b.run++
	return b.run
}
