package intentra_test

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/internal/resolve"
)

// hold blocks the loop in a call until release, so that all calls made until then run
// in one turn.
func hold(t *testing.T, tr *intentra.Transport) (release func()) {
	begun, free := make(chan struct{}), make(chan struct{})
	release = sync.OnceFunc(func() { close(free) })
	t.Cleanup(release)
	require.True(t, tr.Call(func() { close(begun); <-free }))
	<-begun
	return release
}

// waitForCalls waits until n calls wait for the loop.
func waitForCalls(t *testing.T, ctx context.Context, tr *intentra.Transport, n int) {
	for tr.WaitingCalls() < n {
		require.NoError(t, ctx.Err(), "timeout while waiting for calls")
		runtime.Gosched()
	}
	require.Equal(t, n, tr.WaitingCalls())
}

// finishTurn waits until the loop has finished the turn that runs the calls made so
// far.
func finishTurn(tr *intentra.Transport) {
	for range 2 {
		done := make(chan struct{})
		tr.Call(func() { close(done) })
		<-done
	}
}

// startDial calls Dial on a goroutine and returns the channel for its error.
func startDial(ctx context.Context, tr *intentra.Transport, addr string, key intentra.PublicKey) <-chan error {
	failed := make(chan error, 1)
	go func() {
		_, err := tr.Dial(ctx, addr, key)
		failed <- err
	}()
	return failed
}

// lookups is a resolver that holds back its answers for some names until they are
// given, and resolves all others at once.
type lookups struct {
	asked chan string
	given map[string]chan found
}

type found struct {
	addr netip.AddrPort
	err  error
}

func newLookups(tr *intentra.Transport, names ...string) *lookups {
	l := &lookups{asked: make(chan string, 16), given: make(map[string]chan found)}
	for _, n := range names {
		l.given[n] = make(chan found, 1)
	}
	tr.SetResolver(func(ctx context.Context, addr string, local netip.Addr) (netip.AddrPort, error) {
		answer, held := l.given[addr]
		if !held {
			return resolve.Remote(ctx, addr, local)
		}
		l.asked <- addr
		select {
		case f := <-answer:
			return f.addr, f.err
		case <-ctx.Done():
			return netip.AddrPort{}, ctx.Err()
		}
	})
	return l
}

// When a dial ends, only the calls that wait for it get its result, and not a call
// for the same peer that follows in the same turn of the loop.
func TestDialAfterTheEndOfAnother(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, ctx context.Context, l, d *intentra.Transport) (release func(), calls int){
		"closed here": func(t *testing.T, ctx context.Context, l, d *intentra.Transport) (func(), int) {
			p, err := d.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
			require.NoError(t, err)
			release := hold(t, d)
			require.NoError(t, p.Close())
			return release, 1
		},
		"closed there": func(t *testing.T, ctx context.Context, l, d *intentra.Transport) (func(), int) {
			_, err := d.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
			require.NoError(t, err)
			finishTurn(l) // the listener has the peer, too
			theirs, ok := l.Peer(d.PublicKey())
			require.True(t, ok)
			release := hold(t, d)
			require.NoError(t, theirs.Close())
			finishTurn(l)
			return release, 0
		},
		"canceled": func(t *testing.T, ctx context.Context, l, d *intentra.Transport) (func(), int) {
			names := newLookups(d, "nowhere:1")
			short, cancel := context.WithCancel(ctx)
			failed := startDial(short, d, "nowhere:1", l.PublicKey())
			<-names.asked
			release := hold(t, d)
			cancel()
			require.ErrorIs(t, <-failed, context.Canceled)
			return release, 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := loopback.Context(t)
			l, d := loopback.Listen(t, intentra.Config{}), loopback.Listen(t, intentra.Config{})
			release, calls := end(t, ctx, l, d)
			again := startDial(ctx, d, l.LocalAddr().String(), l.PublicKey())
			waitForCalls(t, ctx, d, calls+1)
			release()
			require.NoError(t, <-again)
			p, ok := d.Peer(l.PublicKey())
			require.True(t, ok)
			require.True(t, p.Connected())
			require.Equal(t, []*intentra.Peer{p}, d.Peers())
		})
	}
}

// When the last waiting Dial ends with its context, dialling goes on if another Dial
// has come before the loop handles that.
func TestDialJoinedDuringCancellation(t *testing.T) {
	ctx := loopback.Context(t)
	l, d := loopback.Listen(t, intentra.Config{}), loopback.Listen(t, intentra.Config{})
	names := newLookups(d, "l:1")
	short, cancel := context.WithCancel(ctx)
	first := startDial(short, d, "l:1", l.PublicKey())
	require.Equal(t, "l:1", <-names.asked)
	release := hold(t, d)
	second := startDial(ctx, d, "l:1", l.PublicKey())
	waitForCalls(t, ctx, d, 1)
	cancel()
	require.ErrorIs(t, <-first, context.Canceled)
	waitForCalls(t, ctx, d, 2)
	release()
	names.given["l:1"] <- found{addr: l.LocalAddr()}
	require.NoError(t, <-second)
	require.Empty(t, names.asked, "the name must be looked up once")
}

// The late result of a lookup for a canceled dial, whether an address or an error, is
// not used for the next dial.
func TestDialAfterALateLookup(t *testing.T) {
	elsewhere := loopback.Listen(t, intentra.Config{})
	for name, late := range map[string]found{
		"address": {addr: elsewhere.LocalAddr()},
		"error":   {err: errors.New("no such host, as it was then")},
	} {
		for turn, together := range map[string]bool{"in an earlier turn": false, "in the turn of the next dial": true} {
			t.Run(name+" "+turn, func(t *testing.T) {
				ctx := loopback.Context(t)
				l, d := loopback.Listen(t, intentra.Config{}), loopback.Listen(t, intentra.Config{})
				names := newLookups(d, "old:1", "new:1")
				short, cancel := context.WithCancel(ctx)
				failed := startDial(short, d, "old:1", l.PublicKey())
				require.Equal(t, "old:1", <-names.asked)
				cancel()
				require.ErrorIs(t, <-failed, context.Canceled)
				finishTurn(d)

				release := hold(t, d)
				again := startDial(ctx, d, "new:1", l.PublicKey())
				waitForCalls(t, ctx, d, 1)
				if !together {
					release()
					require.Equal(t, "new:1", <-names.asked)
					release = hold(t, d)
				}
				names.given["old:1"] <- late
				calls := 1 // the end of the lookup
				if late.err == nil {
					calls++ // the address
				}
				if together {
					calls++ // the dial
				}
				waitForCalls(t, ctx, d, calls)
				release()
				finishTurn(d)
				names.given["new:1"] <- found{addr: l.LocalAddr()}
				require.NoError(t, <-again)
				p, ok := d.Peer(l.PublicKey())
				require.True(t, ok)
				require.Equal(t, l.LocalAddr(), p.Addr())
			})
		}
	}
}
