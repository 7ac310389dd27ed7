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
	// closeGrace is how long a child may take to end before it is killed.
	closeGrace = 3 * time.Second
	// clockSlack is by how much readings of Now in two processes may appear to
	// be out of order.
	clockSlack = 10 * time.Microsecond
)

// Child is a process whose services its parent calls. Its methods may be called
// from any goroutine, Close only once.
type Child struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	client *rpc.Client
}

// StartChild starts a command that calls [Serve]. Its standard error goes to
// stderr.
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

// Call calls a method of the child's services, such as "Sender.Run", and returns
// when the method does. If ctx ends first, it returns the cause, and reply must
// not be read. Arguments and reply are sent as JSON.
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

// Close closes the child's standard input, which ends it, and waits until it has
// ended. A child that takes longer than 3 s is killed.
func (c *Child) Close() {
	_ = c.stdin.Close()
	timer := time.AfterFunc(closeGrace, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	_ = c.cmd.Wait()
	_ = c.client.Close()
}

// checkClock returns an error unless Now in the child lies between two readings
// of Now in this process. The answer to the first call shows only that the child
// has started, which takes too long for a precise check.
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
		return fmt.Errorf("child process: its clock is off by %v: has the system time just been set?", theirs-before)
	}
	return nil
}

// pipes makes one connection of the ends of two pipes.
type pipes struct {
	io.Reader
	io.Writer
	io.Closer
}
