package intentra_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// deadAddr returns an address that nothing listens on.
func deadAddr(t *testing.T) string {
	l := loopback.Listen(t, intentra.Config{})
	require.NoError(t, l.Close())
	return l.LocalAddr().String()
}

// With RetryDial a dialer may start before its listener.
func TestRetryDial(t *testing.T) {
	ctx := loopback.Context(t)
	addr, key := deadAddr(t), loopback.Key(t)
	d := loopback.Listen(t, intentra.Config{RetryDial: true, HandshakeTimeout: 200 * time.Millisecond})
	failed := startDial(ctx, d, addr, key.Public())
	loopback.Eventually(t, ctx, "two attempts have failed", func() bool {
		return loopback.Count(t, d.Stats().Handshakes, "dial_timed_out") >= 2
	})
	require.Empty(t, failed)
	l := loopback.ListenOn(t, addr, intentra.Config{Key: key})
	require.NoError(t, loopback.Next(t, ctx, failed))
	require.Len(t, d.Peers(), 1)
	require.Equal(t, l.PublicKey(), d.Peers()[0].Key())

	// Without a listener Dial ends with its context, and tells both.
	short, cancel := context.WithCancel(ctx)
	failed = startDial(short, d, deadAddr(t), loopback.Key(t).Public())
	before := loopback.Count(t, d.Stats().Handshakes, "dial_timed_out")
	loopback.Eventually(t, ctx, "an attempt has failed", func() bool {
		return loopback.Count(t, d.Stats().Handshakes, "dial_timed_out") > before
	})
	cancel()
	err := loopback.Next(t, ctx, failed)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, intentra.ErrNoAnswer)
}

// The addresses of a dial are tried in turn.
func TestDialSeveralAddresses(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	d := loopback.Listen(t, intentra.Config{HandshakeTimeout: 200 * time.Millisecond})
	p, err := d.Dial(ctx, strings.Join([]string{deadAddr(t), "name.invalid:9000", l.LocalAddr().String()}, ","), l.PublicKey())
	require.NoError(t, err)
	require.Equal(t, l.LocalAddr(), p.Addr())

	cfg := intentra.Config{Key: loopback.Key(t), HandshakeTimeout: 200 * time.Millisecond}
	p, err = intentra.Dial(ctx, deadAddr(t)+","+l.LocalAddr().String(), l.PublicKey(), cfg)
	require.NoError(t, err)
	require.NoError(t, p.Close())
}

// When all addresses fail, the error names what was observed at each.
func TestDialOfSeveralAddressesFails(t *testing.T) {
	ctx := loopback.Context(t)
	other := loopback.Listen(t, intentra.Config{})
	refusing := loopback.Listen(t, intentra.Config{Authorize: func(intentra.PublicKey) bool { return false }})
	dead := deadAddr(t)
	d := loopback.Listen(t, intentra.Config{HandshakeTimeout: 200 * time.Millisecond})
	_, err := d.Dial(ctx, dead+","+other.LocalAddr().String()+","+refusing.LocalAddr().String(), refusing.PublicKey())
	require.ErrorIs(t, err, intentra.ErrNoAnswer)
	require.ErrorIs(t, err, intentra.ErrWrongKey)
	require.ErrorIs(t, err, intentra.ErrNotConfirmed)
	require.ErrorContains(t, err, dead+": intentra: no answer to the handshake")
	require.ErrorContains(t, err, refusing.LocalAddr().String()+": intentra: the handshake was answered but not confirmed")
	require.NotContains(t, err.Error(), "probably")

	_, err = d.Dial(ctx, dead+",nothing", refusing.PublicKey())
	require.ErrorContains(t, err, `address "nothing"`)
}
