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

// hold keeps the loop in a call until release: what is called meanwhile is done
// in one turn.
func hold(t *testing.T, tr *intentra.Transport) (release func()) {
	begun, free := make(chan struct{}), make(chan struct{})
	release = sync.OnceFunc(func() { close(free) })
	t.Cleanup(release)
	require.True(t, tr.Call(func() { close(begun); <-free }))
	<-begun
	return release
}

// queued waits until n calls wait for the loop.
func queued(t *testing.T, ctx context.Context, tr *intentra.Transport, n int) {
	for tr.WaitingCalls() < n {
		require.NoError(t, ctx.Err(), "nobody calls")
		runtime.Gosched()
	}
	require.Equal(t, n, tr.WaitingCalls())
}

// turned waits until the loop has ended the turn in which it does what has been
// called so far.
func turned(tr *intentra.Transport) {
	for range 2 {
		done := make(chan struct{})
		tr.Call(func() { close(done) })
		<-done
	}
}

// dialling begins a Dial and returns where its error will be.
func dialling(ctx context.Context, tr *intentra.Transport, addr string, key intentra.PublicKey) <-chan error {
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

// The end of a dial is told to those who wait for it, and not to who dials the
// same peer right behind it, in the same turn of the loop.
func TestDialBehindTheEndOfAnother(t *testing.T) {
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
			turned(l) // it is up there as well
			theirs, ok := l.Peer(d.PublicKey())
			require.True(t, ok)
			release := hold(t, d)
			require.NoError(t, theirs.Close())
			turned(l)
			return release, 0
		},
		"given up": func(t *testing.T, ctx context.Context, l, d *intentra.Transport) (func(), int) {
			names := newLookups(d, "nowhere:1")
			short, cancel := context.WithCancel(ctx)
			failed := dialling(short, d, "nowhere:1", l.PublicKey())
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
			again := dialling(ctx, d, l.LocalAddr().String(), l.PublicKey())
			queued(t, ctx, d, calls+1)
			release()
			require.NoError(t, <-again)
			p, ok := d.Peer(l.PublicKey())
			require.True(t, ok)
			require.True(t, p.Connected())
			require.Equal(t, []*intentra.Peer{p}, d.Peers())
		})
	}
}

// Who gives up as the last one does not end the dial of another who comes before
// the loop hears of it.
func TestDialJoinedWhileGivenUp(t *testing.T) {
	ctx := loopback.Context(t)
	l, d := loopback.Listen(t, intentra.Config{}), loopback.Listen(t, intentra.Config{})
	names := newLookups(d, "l:1")
	short, cancel := context.WithCancel(ctx)
	first := dialling(short, d, "l:1", l.PublicKey())
	require.Equal(t, "l:1", <-names.asked)
	release := hold(t, d)
	second := dialling(ctx, d, "l:1", l.PublicKey())
	queued(t, ctx, d, 1)
	cancel()
	require.ErrorIs(t, <-first, context.Canceled)
	queued(t, ctx, d, 2)
	release()
	names.given["l:1"] <- found{addr: l.LocalAddr()}
	require.NoError(t, <-second)
	require.Empty(t, names.asked, "the name is looked up once")
}

// The late answer to the lookup of a dial that was given up, good or bad, is not
// that to the lookup of the next one.
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
				failed := dialling(short, d, "old:1", l.PublicKey())
				require.Equal(t, "old:1", <-names.asked)
				cancel()
				require.ErrorIs(t, <-failed, context.Canceled)
				turned(d)

				release := hold(t, d)
				again := dialling(ctx, d, "new:1", l.PublicKey())
				queued(t, ctx, d, 1)
				if !together {
					release()
					require.Equal(t, "new:1", <-names.asked)
					release = hold(t, d)
				}
				names.given["old:1"] <- late
				if together {
					queued(t, ctx, d, 2)
				} else {
					queued(t, ctx, d, 1)
				}
				release()
				turned(d)
				names.given["new:1"] <- found{addr: l.LocalAddr()}
				require.NoError(t, <-again)
				p, ok := d.Peer(l.PublicKey())
				require.True(t, ok)
				require.Equal(t, l.LocalAddr(), p.Addr())
			})
		}
	}
}
