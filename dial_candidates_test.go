package intentra_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// With RetryDial a dialer may start before its listener.
func TestRetryDial(t *testing.T) {
	ctx := loopback.Context(t)
	addr, key := loopback.Address().String(), loopback.Key(t)
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
	failed = startDial(short, d, loopback.Address().String(), loopback.Key(t).Public())
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
	l, d := loopback.Listen(t, intentra.Config{}), loopback.Listen(t, intentra.Config{})
	p, err := d.Dial(ctx, strings.Join([]string{loopback.Address().String(), "name.invalid:9000", l.LocalAddr().String()}, ","), l.PublicKey())
	require.NoError(t, err)
	require.Equal(t, l.LocalAddr(), p.Addr())

	cfg := intentra.Config{Key: loopback.Key(t)}
	p, err = intentra.Dial(ctx, loopback.Address().String()+","+l.LocalAddr().String(), l.PublicKey(), cfg)
	require.NoError(t, err)
	require.NoError(t, p.Close())
}

// When all addresses fail, the error names what was observed at each.
func TestDialOfSeveralAddressesFails(t *testing.T) {
	t.Parallel() // waits for attemptTime
	ctx := loopback.Context(t)
	other := loopback.Listen(t, intentra.Config{})
	refusing := loopback.Listen(t, intentra.Config{Authorize: func(context.Context, intentra.Handshake) bool { return false }})
	dead := loopback.Address().String()
	d := loopback.Listen(t, intentra.Config{HandshakeTimeout: attemptTime})
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

// A name that is slow to resolve does not delay a dial to an address that is known, and
// is used if it resolves in the end.
func TestLookupDelaysNoDial(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	d := loopback.Listen(t, intentra.Config{})
	names := newLookups(d, "slow:1")
	p, err := d.Dial(ctx, "slow:1,"+l.LocalAddr().String(), l.PublicKey())
	require.NoError(t, err)
	require.Equal(t, l.LocalAddr(), p.Addr())
	require.Equal(t, "slow:1", <-names.asked)

	other := loopback.Listen(t, intentra.Config{})
	d = loopback.Listen(t, intentra.Config{})
	names = newLookups(d, "slow:1")
	failed := startDial(ctx, d, "slow:1,"+loopback.Address().String(), other.PublicKey())
	require.Equal(t, "slow:1", <-names.asked)
	names.given["slow:1"] <- found{addr: other.LocalAddr()}
	require.NoError(t, loopback.Next(t, ctx, failed))
}

// The socket of Dial reaches both families, whichever the address has.
func TestDialReachesBothFamilies(t *testing.T) {
	if c, err := net.ListenPacket("udp6", "[::]:0"); err != nil {
		t.Skipf("needs IPv6: %v", err)
	} else {
		require.NoError(t, c.Close())
	}
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	p, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), intentra.Config{Key: loopback.Key(t)})
	require.NoError(t, err)
	defer p.Close()
	require.False(t, p.Transport().LocalAddr().Addr().Is4())
	_, err = p.Transport().Dial(ctx, strings.Repeat("192.0.2.1:1,", 16)+"192.0.2.1:1", l.PublicKey())
	require.ErrorContains(t, err, "at most 16")
}
