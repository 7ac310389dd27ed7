// Package loopback helps tests that run transports over real sockets on the
// loopback interface. Every function fails its test instead of returning an error.
package loopback

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/udp"
)

// Timeout ends what would otherwise hang. No test measures it.
const Timeout = 30 * time.Second

// Context returns a context that ends after [Timeout] or with the test.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	t.Cleanup(cancel)
	return ctx
}

// Key returns a new private key.
func Key(t testing.TB) intentra.PrivateKey {
	t.Helper()
	k, err := intentra.GenerateKey()
	require.NoError(t, err)
	return k
}

// Listen opens a transport on a free port of 127.0.0.1 and closes it after the
// test. Unless cfg says otherwise it has a new key and allows every peer.
func Listen(t testing.TB, cfg intentra.Config) *intentra.Transport {
	t.Helper()
	return ListenOn(t, "127.0.0.1:0", cfg)
}

// ListenOn is [Listen] on the given address.
func ListenOn(t testing.TB, addr string, cfg intentra.Config) *intentra.Transport {
	t.Helper()
	if cfg.Key == (intentra.PrivateKey{}) {
		cfg.Key = Key(t)
	}
	if cfg.Authorize == nil {
		cfg.Authorize = intentra.AllowAny
	}
	cfg.Socket = Patient(cfg.Socket)
	l, err := intentra.Listen(addr, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// Dial connects a new transport to l and closes it after the test. Unless cfg says
// otherwise it has a new key.
func Dial(t testing.TB, l *intentra.Transport, cfg intentra.Config) *intentra.Peer {
	t.Helper()
	return DialAddr(t, l.LocalAddr(), l.PublicKey(), cfg)
}

// DialAddr is [Dial] for a listener behind the given address.
func DialAddr(t testing.TB, addr netip.AddrPort, key intentra.PublicKey, cfg intentra.Config) *intentra.Peer {
	t.Helper()
	if cfg.Key == (intentra.PrivateKey{}) {
		cfg.Key = Key(t)
	}
	cfg.Socket = Patient(cfg.Socket)
	p, err := intentra.Dial(Context(t), addr.String(), key, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Transport().Close() })
	return p
}

// Patient returns cfg with a receive queue from which no datagram is dropped because of its age,
// unless cfg says otherwise. Realtime messages would be lost in a process that does not run for
// a quarter of a second, as happens on a busy machine.
func Patient(cfg udp.Config) udp.Config {
	if cfg.MaxQueueDelay == 0 {
		cfg.MaxQueueDelay = time.Hour
	}
	return cfg
}

// QuickDetection returns cfg with short timeouts, so that a dialer soon notices
// that its peer no longer answers.
func QuickDetection(cfg intentra.Config) intentra.Config {
	cfg.KeepAlive, cfg.Unanswered = 100*time.Millisecond, 500*time.Millisecond
	return cfg
}
