package threat

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// What rows over real sockets share. Nothing there is judged by the clock.

// patience bounds what would hang.
const patience = 30 * time.Second

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// listen opens a transport on addr that allows everyone, unless cfg says
// otherwise.
func listen(t testing.TB, addr string, cfg intentra.Config) *intentra.Transport {
	t.Helper()
	if cfg.Key == (intentra.PrivateKey{}) {
		cfg.Key = newKey(t)
	}
	if cfg.Authorize == nil {
		cfg.Authorize = intentra.AllowAny
	}
	l, err := intentra.Listen(addr, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func newKey(t testing.TB) intentra.PrivateKey {
	k, err := intentra.GenerateKey()
	require.NoError(t, err)
	return k
}

// dial connects a transport of its own with l.
func dial(t testing.TB, l *intentra.Transport, cfg intentra.Config) *intentra.Peer {
	t.Helper()
	cfg.Key = newKey(t)
	p, err := intentra.Dial(within(t), l.LocalAddr().String(), l.PublicKey(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Transport().Close() })
	return p
}

// peerOf returns what l knows of the one who is p's transport.
func peerOf(t testing.TB, ctx context.Context, l *intentra.Transport, p *intentra.Peer) (peer *intentra.Peer) {
	eventually(t, ctx, "the listener knows the peer", func() (ok bool) {
		peer, ok = l.Peer(p.Identity())
		return ok
	})
	return peer
}

// eventually polls what no event tells of: counters are published some time
// after the fact.
func eventually(t testing.TB, ctx context.Context, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.FailNow(t, "never happened: "+what)
		}
	}
}

// next takes from a channel.
func next[T any](t testing.TB, ctx context.Context, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-ctx.Done():
		require.FailNow(t, "nothing came")
	}
	return v
}

// stream sends n Reliable messages one after the other, and returns how many of
// them receive has had, in order and each once.
func stream(t testing.TB, ctx context.Context, from *intentra.Peer, n int, receive func(context.Context) (intentra.Message, error)) (got int) {
	t.Helper()
	for i := range n {
		want := fmt.Sprint("state ", i)
		require.NoError(t, from.SendWait(ctx, intentra.Message{Channel: 1, Intent: intentra.Reliable, Payload: []byte(want)}))
		m, err := receive(ctx)
		require.NoError(t, err)
		require.Equal(t, want, string(m.Payload))
		got++
	}
	return got
}

// dropped returns what the inbound chain of tr has dropped at a stage for a
// reason: packets and messages.
func dropped(tr *intentra.Transport, stage, reason string) (total uint64) {
	for _, d := range tr.Stats().In.Drops {
		if d.Stage == stage && d.Reason == reason {
			total += d.Packets + d.Messages
		}
	}
	return total
}
