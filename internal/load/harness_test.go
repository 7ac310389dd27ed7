package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asChild is the variable that makes the test binary a child.
const asChild = "INTENTRA_TEST_AS_CHILD"

func TestMain(m *testing.M) {
	// A worker of a fuzz target inherits the environment too; children have no arguments.
	if os.Getenv(asChild) != "" && len(os.Args) == 1 {
		services := append(Services(), func(ctx context.Context) any { return &Probe{ctx} })
		if err := Serve(os.Stdin, os.Stdout, services...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Setenv(asChild, "1") // in the environment of the children
	os.Exit(m.Run())
}

// Probe is a service for tests of calls.
type Probe struct{ ctx context.Context }

// Wait returns when the parent is gone.
func (p *Probe) Wait(_ struct{}, _ *struct{}) error {
	<-p.ctx.Done()
	return context.Cause(p.ctx)
}

// Fail returns an error with the given text.
func (p *Probe) Fail(words string, _ *struct{}) error { return errors.New(words) }

// Exit ends the process at once.
func (p *Probe) Exit(code int, _ *struct{}) error {
	os.Exit(code)
	return nil
}

// testbed returns a configuration whose children are the test binary. No datagram is dropped and
// no message skipped because a process has not run for a while, as on a busy machine.
func testbed(t *testing.T, peers, children int, hz float64) TestbedConfig {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	return TestbedConfig{
		Peers: peers, Children: children, Limits: LimitsFor(peers, hz), MaxQueueDelay: time.Hour, MaxLate: time.Hour,
		Command: []string{program}, Stderr: os.Stderr,
	}
}

func startChild(t *testing.T) *Child {
	t.Helper()
	c, err := StartChild(t.Context(), testbed(t, 1, 1, 1).Command, os.Stderr)
	require.NoError(t, err)
	return c
}

// patience bounds waits that take much less time.
const patience = 25 * time.Second
