package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os/exec"
	"time"
)

// What we chose.
const (
	// closeGrace is how long a child may take to end by itself.
	closeGrace = 3 * time.Second
	// clockSlack is by how much two processes' readings of Now may seem to be
	// out of order.
	clockSlack = 10 * time.Microsecond
)

// Child is a process that does what its parent calls. Its methods may be called
// from any goroutine, Close once.
type Child struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	client *rpc.Client
}

// StartChild starts a program that calls Serve, with its arguments. What it
// writes to its standard error goes to stderr.
func StartChild(ctx context.Context, command []string, stderr io.Writer) (*Child, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr, cmd.WaitDelay = stderr, closeGrace
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("child process: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("child process: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("child process: %w", err)
	}
	c := &Child{cmd: cmd, stdin: stdin, client: jsonrpc.NewClient(pipes{stdout, stdin, stdin})}
	if err := c.checkClock(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Call calls a method that the child serves, such as "Sender.Run", and returns
// when that does, or ctx has ended; then reply must not be looked at. Arguments
// and reply travel as JSON.
func (c *Child) Call(ctx context.Context, method string, args, reply any) error {
	call := c.client.Go(method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var served rpc.ServerError
	switch {
	case call.Error == nil:
		return nil
	case errors.As(call.Error, &served):
		return errors.New(string(served))
	default:
		return fmt.Errorf("child process %d has ended: %w", c.cmd.Process.Pid, call.Error)
	}
}

// Close has the child end, by closing its standard input, and waits for it. One
// that does not is killed.
func (c *Child) Close() {
	_ = c.stdin.Close()
	timer := time.AfterFunc(closeGrace, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	_ = c.cmd.Wait()
	_ = c.client.Close()
}

// checkClock makes sure that the child's Now shows what ours does: it reads the
// clock between two readings of ours. The first answer says only that the child
// has started, which takes longer than clocks may be off.
func (c *Child) checkClock(ctx context.Context) error {
	var theirs time.Duration
	if err := c.Call(ctx, "Clock.Read", struct{}{}, &theirs); err != nil {
		return err
	}
	before := Now()
	if err := c.Call(ctx, "Clock.Read", struct{}{}, &theirs); err != nil {
		return err
	}
	after := Now()
	if theirs < before-clockSlack || theirs > after+clockSlack {
		return fmt.Errorf("child process: its clock is off by %v: was the time set just now?", theirs-before)
	}
	return nil
}

// pipes are two ends of two pipes as one connection.
type pipes struct {
	io.Reader
	io.Writer
	io.Closer
}
