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
	"github.com/intentra/intentra/internal/loopback"
)

// attemptTime is the HandshakeTimeout of dials that a test expects to fail because of an answer. It
// is awaited in full, but a busy machine may need most of it for the answer.
const attemptTime = 2 * time.Second

// refuse dials l until it has counted another handshake under outcome, and requires that the
// dial has not succeeded.
func refuse(t *testing.T, ctx context.Context, l *intentra.Transport, outcome string, dial func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	before := loopback.Count(t, l.Stats().Handshakes, outcome)
	failed := make(chan error, 1)
	go func() { failed <- dial(ctx) }()
	loopback.Eventually(t, ctx, "the handshake is "+outcome, func() bool { return loopback.Count(t, l.Stats().Handshakes, outcome) > before })
	cancel()
	require.ErrorIs(t, loopback.Next(t, loopback.Context(t), failed), context.Canceled)
}

// refuseKey is refuse for a transport of its own with a key that l refuses.
func refuseKey(t *testing.T, ctx context.Context, l *intentra.Transport, key intentra.PrivateKey) {
	t.Helper()
	refuse(t, ctx, l, "refused", func(ctx context.Context) error {
		_, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), intentra.Config{Key: key})
		return err
	})
}

// silent returns the address of a socket that never answers.
func silent(t *testing.T) string {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c.LocalAddr().String()
}

func TestDialErrors(t *testing.T) {
	t.Parallel() // waits for attemptTime
	key := loopback.Key(t).Public()
	refusing := loopback.Listen(t, intentra.Config{Authorize: func(context.Context, intentra.Handshake) bool { return false }})
	open := loopback.Listen(t, intentra.Config{})
	// Without Authorize no key may connect.
	mute, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: loopback.Key(t)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = mute.Close() })

	dials := map[string]struct {
		addr string
		key  intentra.PublicKey
		want error
	}{
		"no answer":         {silent(t), key, intentra.ErrNoAnswer},
		"no listener":       {loopback.Address().String(), key, intentra.ErrNoAnswer},
		"another key":       {open.LocalAddr().String(), key, intentra.ErrWrongKey},
		"not allowed":       {refusing.LocalAddr().String(), refusing.PublicKey(), intentra.ErrNotConfirmed},
		"without Authorize": {mute.LocalAddr().String(), mute.PublicKey(), intentra.ErrNotConfirmed},
	}
	failed := make(map[string]chan error)
	for name, c := range dials {
		failed[name] = make(chan error, 1)
		cfg := intentra.Config{Key: loopback.Key(t), HandshakeTimeout: attemptTime}
		go func() {
			_, err := intentra.Dial(loopback.Context(t), c.addr, c.key, cfg)
			failed[name] <- err
		}()
	}
	for name, c := range dials {
		err := loopback.Next(t, loopback.Context(t), failed[name])
		require.ErrorIs(t, err, c.want, name)
		require.ErrorContains(t, err, c.addr, name)
	}
}

func TestDialCountsOutcomes(t *testing.T) {
	ctx := loopback.Context(t)
	key := loopback.Key(t)
	l := loopback.Listen(t, intentra.Config{Authorize: func(_ context.Context, h intentra.Handshake) bool { return h.Key == key.Public() }})
	loopback.Dial(t, l, intentra.Config{Key: key})
	refuseKey(t, ctx, l, loopback.Key(t))
	s := l.Stats()
	require.EqualValues(t, 1, loopback.Count(t, s.Handshakes, "accepted"))
	require.EqualValues(t, 1, loopback.Count(t, s.Handshakes, "refused"))
	require.EqualValues(t, 2, loopback.Count(t, s.Handshakes, "started"))
	require.Zero(t, s.HandshakesInFlight)
	require.EqualValues(t, 1, s.Sessions)
}

// A refused key does not become a peer, so refused keys cannot fill the table of
// peers.
func TestRefusedKeysDoNotBecomePeers(t *testing.T) {
	l := loopback.Listen(t, intentra.Config{Authorize: func(context.Context, intentra.Handshake) bool { return false }})
	key := loopback.Key(t)
	refuseKey(t, loopback.Context(t), l, key)
	_, known := l.Peer(key.Public())
	require.False(t, known)
	require.Zero(t, l.Stats().Peers)
	require.Empty(t, l.Peers())
}

func TestDialRefusesBadAddresses(t *testing.T) {
	l := loopback.Listen(t, intentra.Config{})
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:nosuchport", "[::1:5"} {
		_, err := intentra.Dial(loopback.Context(t), addr, loopback.Key(t).Public(), intentra.Config{Key: loopback.Key(t)})
		require.Error(t, err, addr)
		require.ErrorContains(t, err, addr)
		_, err = l.Dial(loopback.Context(t), addr, loopback.Key(t).Public())
		require.Error(t, err, addr)
		require.ErrorContains(t, err, addr)
	}
}

func TestDialOfAnUnknownName(t *testing.T) {
	var dns *net.DNSError
	_, err := intentra.Dial(loopback.Context(t), "no such host:9000", loopback.Key(t).Public(), intentra.Config{Key: loopback.Key(t)})
	require.ErrorAs(t, err, &dns)
	require.ErrorContains(t, err, "no such host")

	l := loopback.Listen(t, intentra.Config{})
	key := loopback.Key(t).Public()
	_, err = l.Dial(loopback.Context(t), "no such host:9000", key)
	require.ErrorAs(t, err, &dns)
	p, known := l.Peer(key)
	require.True(t, known, "it was dialled recently")
	require.False(t, p.Connected())
}

func TestDialWithABadConfig(t *testing.T) {
	_, err := intentra.Dial(loopback.Context(t), silent(t), loopback.Key(t).Public(), intentra.Config{})
	require.ErrorIs(t, err, intentra.ErrConfig)
}

func TestDialEndsWithItsContext(t *testing.T) {
	why := errors.New("the operator has lost patience")
	l := loopback.Listen(t, intentra.Config{HandshakeTimeout: time.Minute})
	for name, dial := range map[string]func(ctx context.Context, key intentra.PublicKey) error{
		"own transport": func(ctx context.Context, key intentra.PublicKey) error {
			_, err := intentra.Dial(ctx, silent(t), key, intentra.Config{Key: loopback.Key(t), HandshakeTimeout: time.Minute})
			return err
		},
		"shared transport": func(ctx context.Context, key intentra.PublicKey) error {
			_, err := l.Dial(ctx, silent(t), key)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(loopback.Context(t))
			cancel(why)
			require.ErrorIs(t, dial(ctx, loopback.Key(t).Public()), why)

			ctx, cancel = context.WithCancelCause(loopback.Context(t))
			failed := make(chan error)
			go func() { failed <- dial(ctx, loopback.Key(t).Public()) }()
			cancel(why)
			require.ErrorIs(t, loopback.Next(t, loopback.Context(t), failed), why)
		})
	}
}

// A Dial whose context ends leaves another Dial for the same peer alone.
func TestDialCanceledNextToAnother(t *testing.T) {
	ctx := loopback.Context(t)
	server := loopback.Listen(t, intentra.Config{})
	r := loopback.NewNAT(t, server.LocalAddr())
	r.Block(true)
	l := loopback.Listen(t, intentra.Config{})
	patient, impatient := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := l.Dial(ctx, r.Addr().String(), server.PublicKey())
		patient <- err
	}()
	loopback.Eventually(t, ctx, "the first Dial begins", func() bool { _, ok := l.Peer(server.PublicKey()); return ok })
	short, cancel := context.WithCancel(ctx)
	go func() {
		_, err := l.Dial(short, r.Addr().String(), server.PublicKey())
		impatient <- err
	}()
	cancel()
	require.ErrorIs(t, loopback.Next(t, ctx, impatient), context.Canceled)
	r.Block(false)
	require.NoError(t, loopback.Next(t, ctx, patient))
}

func TestDialOnAClosedTransport(t *testing.T) {
	l := loopback.Listen(t, intentra.Config{})
	require.NoError(t, l.Close())
	_, err := l.Dial(loopback.Context(t), silent(t), loopback.Key(t).Public())
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestDialEndsWhenTheTransportCloses(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{HandshakeTimeout: time.Minute})
	key := loopback.Key(t).Public()
	failed := make(chan error, 1)
	go func() {
		_, err := l.Dial(ctx, silent(t), key)
		failed <- err
	}()
	loopback.Eventually(t, ctx, "Dial begins", func() bool { _, ok := l.Peer(key); return ok })
	require.NoError(t, l.Close())
	require.ErrorIs(t, loopback.Next(t, ctx, failed), net.ErrClosed)
}

func TestDialEndsWhenThePeerIsClosed(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{HandshakeTimeout: time.Minute})
	key := loopback.Key(t).Public()
	failed := make(chan error, 1)
	go func() {
		_, err := l.Dial(ctx, silent(t), key)
		failed <- err
	}()
	var p *intentra.Peer
	loopback.Eventually(t, ctx, "Dial begins", func() (ok bool) { p, ok = l.Peer(key); return ok })
	require.NoError(t, p.Close())
	require.ErrorIs(t, loopback.Next(t, ctx, failed), net.ErrClosed)
}

// Dialling a peer that is connected returns it at once, and dialling it from
// many goroutines makes one session.
func TestDialAgainAndTogether(t *testing.T) {
	ctx := loopback.Context(t)
	server, l := loopback.Listen(t, intentra.Config{}), loopback.Listen(t, intentra.Config{})
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
	first := loopback.Next(t, ctx, peers)
	for range cap(peers) - 1 {
		require.Same(t, first, loopback.Next(t, ctx, peers))
	}
	again, err := l.Dial(ctx, server.LocalAddr().String(), server.PublicKey())
	require.NoError(t, err)
	require.Same(t, first, again)
	loopback.Eventually(t, ctx, "one session", func() bool { return loopback.Count(t, server.Stats().Handshakes, "accepted") == 1 })
	require.Equal(t, 1, server.Stats().Sessions)
}

// One transport can listen and dial, also the same peer.
func TestPeersInBothDirectionsOverOneSocket(t *testing.T) {
	ctx := loopback.Context(t)
	hub, leaf, middle := loopback.Listen(t, intentra.Config{}), intentra.Config{Key: loopback.Key(t)}, loopback.Listen(t, intentra.Config{})
	up, err := middle.Dial(ctx, hub.LocalAddr().String(), hub.PublicKey())
	require.NoError(t, err)
	down := loopback.Dial(t, middle, leaf)
	require.Equal(t, intentra.Queued, up.Send(loopback.Realtime("up")).Status)
	require.Equal(t, "up", string(loopback.Receive(t, ctx, hub).Payload))
	require.Equal(t, intentra.Queued, down.Send(loopback.Realtime("down")).Status)
	require.Equal(t, "down", string(loopback.Receive(t, ctx, middle).Payload))
	require.Len(t, middle.Peers(), 2)
}

func TestMaxPeersIsALimit(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{MaxPeers: 1})
	loopback.Dial(t, l, intentra.Config{})
	refuse(t, ctx, l, "table_full", func(ctx context.Context) error {
		_, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), intentra.Config{Key: loopback.Key(t)})
		return err
	})
	require.Equal(t, 1, l.Stats().Peers)
	_, err := l.Dial(ctx, silent(t), loopback.Key(t).Public())
	require.ErrorContains(t, err, "too many peers")
}

// A slow Authorize does not delay the messages of connected peers.
func TestSlowAuthorizeDelaysNoMessages(t *testing.T) {
	ctx := loopback.Context(t)
	asked, release := make(chan struct{}), make(chan struct{})
	var slow atomic.Bool
	l := loopback.Listen(t, intentra.Config{Authorize: func(context.Context, intentra.Handshake) bool {
		if slow.Load() {
			asked <- struct{}{}
			<-release
		}
		return true
	}})
	p := loopback.Dial(t, l, intentra.Config{})
	slow.Store(true)
	late := make(chan error, 1)
	cfg := intentra.Config{Key: loopback.Key(t), HandshakeTimeout: time.Minute}
	go func() {
		q, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), cfg)
		if err == nil {
			err = q.Close()
		}
		late <- err
	}()
	loopback.Next(t, ctx, asked)
	for range 100 {
		require.NoError(t, p.SendWait(ctx, loopback.Reliable("on")))
		loopback.Receive(t, ctx, l)
	}
	close(release)
	require.NoError(t, loopback.Next(t, ctx, late))
}

func TestDialRefusesKeysThatCannotAnswer(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	for _, key := range []intentra.PublicKey{{}, l.PublicKey()} {
		_, err := l.Dial(ctx, l.LocalAddr().String(), key)
		require.ErrorIs(t, err, intentra.ErrKey)
	}
}

// With a context that has ended, Dial fails even if the peer would answer at once.
func TestDialWithDoneContext(t *testing.T) {
	l := loopback.ListenOn(t, "127.0.0.1:0", intentra.Config{Key: loopback.Key(t), Authorize: intentra.AllowAny})
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(loopback.Context(t))
	cancel(gone)
	d := loopback.ListenOn(t, "127.0.0.1:0", intentra.Config{Key: loopback.Key(t)})
	for range 20 {
		_, err := d.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
		require.ErrorIs(t, err, gone)
	}
	require.Empty(t, d.Peers())
}
