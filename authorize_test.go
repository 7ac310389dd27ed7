package intentra_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// Authorize can decide by the address, too.
func TestAuthorizeByAddress(t *testing.T) {
	ctx := loopback.Context(t)
	told := make(chan intentra.Handshake, 16)
	l := loopback.Listen(t, intentra.Config{Authorize: func(_ context.Context, h intentra.Handshake) bool {
		told <- h
		return h.Addr.Addr() == netip.MustParseAddr("127.0.0.1")
	}})
	d := loopback.ListenOn(t, "127.0.0.1:0", intentra.Config{})
	_, err := d.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
	require.NoError(t, err)
	require.Equal(t, intentra.Handshake{Key: d.PublicKey(), Addr: d.LocalAddr()}, loopback.Next(t, ctx, told))
}

// The context of Authorize ends when the transport closes, and after
// HandshakeTimeout, so that one that waits for it delays other handshakes no longer.
func TestAuthorizeWaitsForItsContext(t *testing.T) {
	ctx := loopback.Context(t)
	key := loopback.Key(t)
	waiting, ended := make(chan struct{}, 16), make(chan error, 16)
	l := loopback.Listen(t, intentra.Config{HandshakeTimeout: 200 * time.Millisecond, Authorize: func(ctx context.Context, h intentra.Handshake) bool {
		if h.Key == key.Public() {
			waiting <- struct{}{}
			<-ctx.Done()
			ended <- context.Cause(ctx)
		}
		return true
	}})
	// The dial is tried again until its handshake reaches Authorize and until cancel is called.
	dial := func() (cancel func()) {
		ctx, stop := context.WithCancel(ctx)
		failed := make(chan error, 1)
		go func() {
			_, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), intentra.Config{Key: key, RetryDial: true})
			failed <- err
		}()
		return func() { stop(); require.Error(t, loopback.Next(t, loopback.Context(t), failed)) }
	}
	cancel := dial()
	require.ErrorIs(t, loopback.Next(t, ctx, ended), context.Canceled)
	cancel()
	loopback.Dial(t, l, intentra.Config{RetryDial: true})

	for len(waiting) > 0 {
		<-waiting
	}
	cancel = dial()
	loopback.Next(t, ctx, waiting)
	require.NoError(t, l.Close())
	loopback.Next(t, ctx, ended)
	cancel()
}

// An allow list is an Authorize.
func TestAllowListAuthorize(t *testing.T) {
	ctx := loopback.Context(t)
	key := loopback.Key(t)
	list, err := intentra.ParseAllowList(strings.NewReader(key.Public().String() + " robot\n"))
	require.NoError(t, err)
	l := loopback.Listen(t, intentra.Config{Authorize: list.Authorize})
	loopback.Dial(t, l, intentra.Config{Key: key})
	refuseKey(t, ctx, l, loopback.Key(t))
}
