package intentra_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// hasty is a dialer's config whose attempts fail soon.
func hasty(t *testing.T) intentra.Config {
	return intentra.Config{Key: newKey(t), HandshakeTimeout: 500 * time.Millisecond}
}

// silent is a bound port at which nobody answers.
func silent(t *testing.T) string {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c.LocalAddr().String()
}

// unbound is a port at which nobody listens.
func unbound(t *testing.T) string {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, c.Close())
	return c.LocalAddr().String()
}

func TestDialSaysWhyItFailed(t *testing.T) {
	key := newKey(t).Public()
	refusing := listen(t, intentra.Config{Authorize: func(intentra.PublicKey) bool { return false }})
	open := listen(t, intentra.Config{})
	// Without Authorize nobody may connect.
	mute, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: newKey(t)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = mute.Close() })

	for name, c := range map[string]struct {
		addr string
		key  intentra.PublicKey
		want error
	}{
		"nobody answers":           {silent(t), key, intentra.ErrNoAnswer},
		"nobody is there":          {unbound(t), key, intentra.ErrNoAnswer},
		"another key":              {open.LocalAddr().String(), key, intentra.ErrWrongKey},
		"not allowed":              {refusing.LocalAddr().String(), refusing.PublicKey(), intentra.ErrNotConfirmed},
		"without Authorize nobody": {mute.LocalAddr().String(), mute.PublicKey(), intentra.ErrNotConfirmed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := intentra.Dial(within(t), c.addr, c.key, hasty(t))
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.addr)
		})
	}
}

func TestDialCountsOutcomes(t *testing.T) {
	ctx := within(t)
	key := newKey(t)
	l := listen(t, intentra.Config{Authorize: func(k intentra.PublicKey) bool { return k == key.Public() }})
	dial(t, l, intentra.Config{Key: key})
	_, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), hasty(t))
	require.ErrorIs(t, err, intentra.ErrNotConfirmed)
	s := l.Stats()
	require.EqualValues(t, 1, count(t, s.Handshakes, "accepted"))
	require.EqualValues(t, 1, count(t, s.Handshakes, "refused"))
	require.EqualValues(t, 2, count(t, s.Handshakes, "started"))
	require.Zero(t, s.HandshakesInFlight)
	require.EqualValues(t, 1, s.Sessions)
}

// A refused key stays unknown: nobody fills the table of peers with keys.
func TestRefusedKeysAreNoPeers(t *testing.T) {
	l := listen(t, intentra.Config{Authorize: func(intentra.PublicKey) bool { return false }})
	cfg := hasty(t)
	_, err := intentra.Dial(within(t), l.LocalAddr().String(), l.PublicKey(), cfg)
	require.ErrorIs(t, err, intentra.ErrNotConfirmed)
	_, known := l.Peer(cfg.Key.Public())
	require.False(t, known)
	require.Zero(t, l.Stats().Peers)
	require.Empty(t, l.Peers())
}

func TestDialRefusesBadAddresses(t *testing.T) {
	l := listen(t, intentra.Config{})
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:nosuchport", "[::1:5"} {
		_, err := intentra.Dial(within(t), addr, newKey(t).Public(), hasty(t))
		require.Error(t, err, addr)
		require.ErrorContains(t, err, addr)
		_, err = l.Dial(within(t), addr, newKey(t).Public())
		require.Error(t, err, addr)
		require.ErrorContains(t, err, addr)
	}
}

func TestDialOfAnUnknownName(t *testing.T) {
	var dns *net.DNSError
	_, err := intentra.Dial(within(t), "no such host:9000", newKey(t).Public(), hasty(t))
	require.ErrorAs(t, err, &dns)
	require.ErrorContains(t, err, "no such host")

	l := listen(t, intentra.Config{})
	key := newKey(t).Public()
	_, err = l.Dial(within(t), "no such host:9000", key)
	require.ErrorAs(t, err, &dns)
	p, known := l.Peer(key)
	require.True(t, known, "lately dialled")
	require.False(t, p.Connected())
}

func TestDialWithABadConfig(t *testing.T) {
	_, err := intentra.Dial(within(t), silent(t), newKey(t).Public(), intentra.Config{})
	require.ErrorIs(t, err, intentra.ErrConfig)
}

func TestDialEndsWithItsContext(t *testing.T) {
	why := errors.New("the operator has lost patience")
	l := listen(t, intentra.Config{HandshakeTimeout: time.Minute})
	for name, dial := range map[string]func(ctx context.Context, key intentra.PublicKey) error{
		"own transport": func(ctx context.Context, key intentra.PublicKey) error {
			_, err := intentra.Dial(ctx, silent(t), key, intentra.Config{Key: newKey(t), HandshakeTimeout: time.Minute})
			return err
		},
		"shared transport": func(ctx context.Context, key intentra.PublicKey) error {
			_, err := l.Dial(ctx, silent(t), key)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(within(t))
			cancel(why)
			require.ErrorIs(t, dial(ctx, newKey(t).Public()), why)

			ctx, cancel = context.WithCancelCause(within(t))
			failed := make(chan error)
			go func() { failed <- dial(ctx, newKey(t).Public()) }()
			cancel(why)
			require.ErrorIs(t, next(t, within(t), failed), why)
		})
	}
}

// Who gives up does not take the connection from another who waits for it.
func TestDialGivenUpBesideAnother(t *testing.T) {
	ctx := within(t)
	server := listen(t, intentra.Config{})
	r := newRelay(t, server.LocalAddr())
	r.blocked.Store(true)
	l := listen(t, intentra.Config{})
	patient, impatient := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := l.Dial(ctx, r.addr().String(), server.PublicKey())
		patient <- err
	}()
	eventually(t, ctx, "the first Dial begins", func() bool { _, ok := l.Peer(server.PublicKey()); return ok })
	short, cancel := context.WithCancel(ctx)
	go func() {
		_, err := l.Dial(short, r.addr().String(), server.PublicKey())
		impatient <- err
	}()
	cancel()
	require.ErrorIs(t, next(t, ctx, impatient), context.Canceled)
	r.blocked.Store(false)
	require.NoError(t, next(t, ctx, patient))
}

func TestDialOnAClosedTransport(t *testing.T) {
	l := listen(t, intentra.Config{})
	require.NoError(t, l.Close())
	_, err := l.Dial(within(t), silent(t), newKey(t).Public())
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestDialEndsWhenTheTransportCloses(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{HandshakeTimeout: time.Minute})
	key := newKey(t).Public()
	failed := make(chan error, 1)
	go func() {
		_, err := l.Dial(ctx, silent(t), key)
		failed <- err
	}()
	eventually(t, ctx, "Dial begins", func() bool { _, ok := l.Peer(key); return ok })
	require.NoError(t, l.Close())
	require.ErrorIs(t, next(t, ctx, failed), net.ErrClosed)
}

func TestDialEndsWhenThePeerIsClosed(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{HandshakeTimeout: time.Minute})
	key := newKey(t).Public()
	failed := make(chan error, 1)
	go func() {
		_, err := l.Dial(ctx, silent(t), key)
		failed <- err
	}()
	var p *intentra.Peer
	eventually(t, ctx, "Dial begins", func() (ok bool) { p, ok = l.Peer(key); return ok })
	require.NoError(t, p.Close())
	require.ErrorIs(t, next(t, ctx, failed), net.ErrClosed)
}

// Dialling a peer that is connected returns it at once, and dialling it from
// many goroutines makes one session.
func TestDialAgainAndTogether(t *testing.T) {
	ctx := within(t)
	server, l := listen(t, intentra.Config{}), listen(t, intentra.Config{})
	peers := make(chan *intentra.Peer, 8)
	var wg sync.WaitGroup
	for range cap(peers) {
		wg.Go(func() {
			p, err := l.Dial(ctx, server.LocalAddr().String(), server.PublicKey())
			if err == nil {
				peers <- p
			}
		})
	}
	wg.Wait()
	first := next(t, ctx, peers)
	for range cap(peers) - 1 {
		require.Same(t, first, next(t, ctx, peers))
	}
	again, err := l.Dial(ctx, server.LocalAddr().String(), server.PublicKey())
	require.NoError(t, err)
	require.Same(t, first, again)
	eventually(t, ctx, "one session", func() bool { return count(t, server.Stats().Handshakes, "accepted") == 1 })
	require.Equal(t, 1, server.Stats().Sessions)
}

// One transport may listen and dial, and its peers may dial it.
func TestPeersInBothDirectionsOverOneSocket(t *testing.T) {
	ctx := within(t)
	hub, leaf, middle := listen(t, intentra.Config{}), intentra.Config{Key: newKey(t)}, listen(t, intentra.Config{})
	up, err := middle.Dial(ctx, hub.LocalAddr().String(), hub.PublicKey())
	require.NoError(t, err)
	down := dial(t, middle, leaf)
	require.Equal(t, intentra.Queued, up.Send(realtime("up")).Status)
	require.Equal(t, "up", string(receive(t, ctx, hub).Payload))
	require.Equal(t, intentra.Queued, down.Send(realtime("down")).Status)
	require.Equal(t, "down", string(receive(t, ctx, middle).Payload))
	require.Len(t, middle.Peers(), 2)
}

func TestMaxPeersIsALimit(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{MaxPeers: 1})
	dial(t, l, intentra.Config{})
	_, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), hasty(t))
	require.ErrorIs(t, err, intentra.ErrNotConfirmed)
	require.Equal(t, 1, l.Stats().Peers)
	require.Positive(t, count(t, l.Stats().Handshakes, "table_full"))
	_, err = l.Dial(ctx, silent(t), newKey(t).Public())
	require.ErrorContains(t, err, "too many peers")
}

// Authorize may take its time: who is connected does not notice.
func TestSlowAuthorizeHoldsNobodyUp(t *testing.T) {
	ctx := within(t)
	asked, release := make(chan struct{}), make(chan struct{})
	var slow atomic.Bool
	l := listen(t, intentra.Config{Authorize: func(intentra.PublicKey) bool {
		if slow.Load() {
			asked <- struct{}{}
			<-release
		}
		return true
	}})
	p := dial(t, l, intentra.Config{})
	slow.Store(true)
	late := make(chan error, 1)
	cfg := intentra.Config{Key: newKey(t), HandshakeTimeout: time.Minute}
	go func() {
		q, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), cfg)
		if err == nil {
			err = q.Close()
		}
		late <- err
	}()
	next(t, ctx, asked)
	for range 100 {
		require.NoError(t, p.SendWait(ctx, reliable("on")))
		receive(t, ctx, l)
	}
	close(release)
	require.NoError(t, next(t, ctx, late))
}

func TestDialRefusesKeysThatCannotAnswer(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{})
	for _, key := range []intentra.PublicKey{{}, l.PublicKey()} {
		_, err := l.Dial(ctx, l.LocalAddr().String(), key)
		require.ErrorIs(t, err, intentra.ErrKey)
	}
}

// A context that is done dials nobody, not even who would answer at once.
func TestDialWithDoneContext(t *testing.T) {
	l := listenOn(t, "127.0.0.1:0", intentra.Config{Key: newKey(t), Authorize: intentra.AllowAny})
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(within(t))
	cancel(gone)
	d := listenOn(t, "127.0.0.1:0", intentra.Config{Key: newKey(t)})
	for range 20 {
		_, err := d.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
		require.ErrorIs(t, err, gone)
	}
	require.Empty(t, d.Peers())
}
