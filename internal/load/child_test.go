package load

import (
	"bytes"
	"context"
	"io"
	"net/rpc/jsonrpc"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A child ends when its standard input does, even during a call, so that children
// never outlive their parent.
func TestChildEndsWithItsInput(t *testing.T) {
	c := startChild(t)
	waiting := make(chan error, 1)
	go func() { waiting <- c.Call(context.Background(), "Probe.Wait", struct{}{}, &struct{}{}) }()
	require.EqualError(t, c.Call(t.Context(), "Probe.Fail", "just so", &struct{}{}), "just so")
	require.NoError(t, c.stdin.Close())
	select {
	case err := <-waiting:
		require.Error(t, err)
	case <-time.After(patience):
		require.Fail(t, "the child is still running")
	}
	c.Close()
	require.True(t, c.cmd.ProcessState.Exited(), "not killed: %v", c.cmd.ProcessState)
	require.Zero(t, c.cmd.ProcessState.ExitCode())
}

func TestChildThatExits(t *testing.T) {
	c := startChild(t)
	defer c.Close()
	err := c.Call(t.Context(), "Probe.Exit", 7, &struct{}{})
	require.ErrorContains(t, err, "has ended")
	require.ErrorContains(t, c.Call(t.Context(), "Probe.Fail", "again", &struct{}{}), "has ended")
}

func TestCallEndsWithItsContext(t *testing.T) {
	c := startChild(t)
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.Call(ctx, "Probe.Wait", struct{}{}, &struct{}{}), context.Canceled)
}

func TestNoSuchProgram(t *testing.T) {
	_, err := StartChild(t.Context(), []string{"/no/such/program"}, io.Discard)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestProgramThatServesNothing(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	t.Setenv(asChild, "")
	var stderr bytes.Buffer
	_, err = StartChildren(t.Context(), 2, []string{program, "-test.run", "^$"}, &stderr)
	require.Error(t, err)
}

// StartChild rejects a child whose clock differs: latencies would be meaningless.
func TestClocksThatDisagree(t *testing.T) {
	const off = time.Hour // a child cannot take that long to answer
	clock.shown += off
	defer func() { clock.shown -= off }()
	program, err := os.Executable()
	require.NoError(t, err)
	_, err = StartChild(t.Context(), []string{program}, os.Stderr)
	require.ErrorContains(t, err, "clock is off")
}

func TestClockNeverGoesBack(t *testing.T) {
	last := Now()
	for range 1000 {
		now := Now()
		require.GreaterOrEqual(t, now, last)
		last = now
	}
}

// Serve closes its services and returns at the end of its input.
func TestServeReturnsAtTheEnd(t *testing.T) {
	in, parentOut := io.Pipe()
	parentIn, out := io.Pipe()
	closed := make(chan struct{})
	served := make(chan error, 1)
	go func() {
		served <- Serve(in, out, func(ctx context.Context) any { return &Closing{closed} })
		_ = out.Close()
	}()
	client := jsonrpc.NewClient(pipes{parentIn, parentOut, parentOut})
	var now time.Duration
	require.NoError(t, client.Call("Clock.Read", struct{}{}, &now))
	require.Positive(t, now)
	require.NoError(t, client.Close())
	require.NoError(t, <-served)
	<-closed
}

// Closing is a service that reports when it is closed.
type Closing struct{ closed chan struct{} }

// Nothing does nothing.
func (c *Closing) Nothing(_ struct{}, _ *struct{}) error { return nil }

// Close closes c.closed.
func (c *Closing) Close() error {
	close(c.closed)
	return nil
}

func TestShares(t *testing.T) {
	for _, children := range []int{1, 2, 3, 7} {
		all := make(Children, children)
		next := 0
		for i := range all {
			first, n := all.Share(23, i)
			require.Equal(t, next, first)
			require.InDelta(t, 23.0/float64(children), float64(n), 1)
			next += n
		}
		require.Equal(t, 23, next)
	}
}
