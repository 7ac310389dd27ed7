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

// asChild makes the test binary a child of itself.
const asChild = "INTENTRA_TEST_AS_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		services := append(Services(), func(ctx context.Context) any { return &Probe{ctx} })
		if err := Serve(os.Stdin, os.Stdout, services...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Setenv(asChild, "1") // for the children
	os.Exit(m.Run())
}

// Probe is a service to test calls with.
type Probe struct{ ctx context.Context }

// Wait returns when the parent has gone.
func (p *Probe) Wait(_ struct{}, _ *struct{}) error {
	<-p.ctx.Done()
	return context.Cause(p.ctx)
}

// Fail fails with the words given.
func (p *Probe) Fail(words string, _ *struct{}) error { return errors.New(words) }

// Exit ends the process at once.
func (p *Probe) Exit(code int, _ *struct{}) error {
	os.Exit(code)
	return nil
}

// testbed is one of the test binary's own children.
func testbed(t *testing.T, peers, children int, hz float64) TestbedConfig {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	return TestbedConfig{
		Peers: peers, Children: children, Limits: LimitsFor(peers, hz), Command: []string{program}, Stderr: os.Stderr,
	}
}

func startChild(t *testing.T) *Child {
	t.Helper()
	c, err := StartChild(t.Context(), testbed(t, 1, 1, 1).Command, os.Stderr)
	require.NoError(t, err)
	return c
}

// patience bounds waits that never take long.
const patience = 25 * time.Second
