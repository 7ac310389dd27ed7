package load

import (
	"context"
	"fmt"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"time"
)

// serveGrace is how long Serve waits for running calls once the parent is gone.
// It is less than closeGrace, so that the parent does not kill the child first.
const serveGrace = 2 * time.Second

// A Service returns a value whose methods a parent may call under the name of
// its type, as net/rpc describes. When ctx ends, the parent is gone and calls
// must return.
type Service func(ctx context.Context) any

// Services returns all services of this package.
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

// Serve answers the calls of a parent process until in ends, which happens when
// the parent closes it or ends itself. Calls that are still running then have
// two seconds to return. Serve closes the services that are an io.Closer before
// it returns.
func Serve(in io.Reader, out io.Writer, services ...Service) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := rpc.NewServer()
	values := []any{Clock{}}
	for _, s := range services {
		values = append(values, s(ctx))
	}
	for _, v := range values {
		if err := server.Register(v); err != nil {
			return fmt.Errorf("serve a parent process: %w", err)
		}
		if c, ok := v.(io.Closer); ok {
			defer c.Close()
		}
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.ServeCodec(jsonrpc.NewServerCodec(parent{in, out, cancel}))
	}()
	<-ctx.Done()
	select {
	case <-served:
	case <-time.After(serveGrace):
	}
	return nil
}

// parent is the connection to the parent process.
type parent struct {
	in   io.Reader
	out  io.Writer
	gone context.CancelFunc
}

// Read ends the context of running calls when the parent is gone.
func (p parent) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	if err != nil {
		p.gone()
	}
	return n, err
}

func (p parent) Write(b []byte) (int, error) { return p.out.Write(b) }

// Close is called when no more requests can be read. A request that is not
// JSON-RPC gets here without an error from Read.
func (p parent) Close() error {
	p.gone()
	return nil
}

// Clock is the service with which a parent checks that clocks agree.
type Clock struct{}

// Read returns [Now].
func (Clock) Read(_ struct{}, now *time.Duration) error {
	*now = Now()
	return nil
}
