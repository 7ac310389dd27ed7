package load

import (
	"context"
	"fmt"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"time"
)

// A Service has methods that a parent may call, as net/rpc wants them, under
// the name of its type. ctx ends when the parent has gone; calls that still run
// then must return.
type Service func(ctx context.Context) any

// Services are all that this package has for children.
func Services() []Service {
	return []Service{
		func(ctx context.Context) any { return &Sender{ctx: ctx} },
		func(ctx context.Context) any { return &Subscriber{ctx: ctx} },
		func(ctx context.Context) any { return &Echo{ctx: ctx} },
		func(ctx context.Context) any { return &Dialer{ctx: ctx} },
		func(ctx context.Context) any { return &Observer{ctx: ctx} },
		func(ctx context.Context) any { return &Caller{ctx: ctx} },
	}
}

// Serve is what a child does: it answers calls until in ends, which is when its
// parent closes it, or dies. Services that are an io.Closer are closed at the
// end.
func Serve(in io.Reader, out io.Writer, services ...Service) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := rpc.NewServer()
	served := []any{Clock{}}
	for _, s := range services {
		served = append(served, s(ctx))
	}
	for _, s := range served {
		if err := server.Register(s); err != nil {
			return fmt.Errorf("serve a parent process: %w", err)
		}
		if c, ok := s.(io.Closer); ok {
			defer c.Close()
		}
	}
	server.ServeCodec(jsonrpc.NewServerCodec(parent{in, out, cancel}))
	return nil
}

// parent is the connection with the parent process.
type parent struct {
	in   io.Reader
	out  io.Writer
	gone context.CancelFunc
}

// Read tells the calls under way when there is nothing more to come.
func (p parent) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	if err != nil {
		p.gone()
	}
	return n, err
}

func (p parent) Write(b []byte) (int, error) { return p.out.Write(b) }

func (p parent) Close() error { return nil }

// Clock is the service by which a parent makes sure that clocks agree.
type Clock struct{}

// Read returns Now.
func (Clock) Read(_ struct{}, now *time.Duration) error {
	*now = Now()
	return nil
}
