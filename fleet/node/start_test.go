package node

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/loopback"
)

// lockedBuffer is where a logger writes, while a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func loneConfig(t *testing.T) (Config, *lockedBuffer) {
	key, err := intentra.GenerateKey()
	require.NoError(t, err)
	log := new(lockedBuffer)
	return Config{
		Listen: "127.0.0.1:0", Hub: hub.Config{Transport: intentra.Config{Key: key}, Access: hub.AllowAny()},
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	}, log
}

// A hub says that it does not reach NATS from the start, with the reason.
func TestNATSIsNotReached(t *testing.T) {
	cfg, log := loneConfig(t)
	cfg.NATS = "nats://" + loopback.Address().String()
	n, err := Open(cfg)
	require.NoError(t, err)
	f := &testFleet{t: t}
	f.until(func() bool { return bytes.Contains([]byte(log.String()), []byte("NATS cannot be reached")) })
	require.NotContains(t, log.String(), "err=<nil>")
	require.NoError(t, n.Close())
}

// One warning is enough until NATS is reached, and the node's own end is not worth one.
func TestUnreachedWarnsOnce(t *testing.T) {
	log := new(lockedBuffer)
	n := &Node{log: slog.New(slog.NewTextHandler(log, nil))}
	count := func() int { return bytes.Count([]byte(log.String()), []byte("WARN")) }
	n.unreached(errors.New("first"))
	n.unreached(errors.New("second"))
	require.Equal(t, 1, count())
	n.setConnected(true, nil)
	n.setConnected(false, errors.New("third"))
	n.unreached(errors.New("fourth"))
	require.Equal(t, 2, count())
	n.setConnected(true, nil)
	n.ending.Store(true)
	n.setConnected(false, nil)
	require.Equal(t, 2, count())
}

// The error of an embedded server that cannot start has its reason.
func TestEmbeddedServerDoesNotStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	cfg, _ := loneConfig(t)
	cfg.Embedded.Cluster = l.Addr().String()
	_, err = Open(cfg)
	require.ErrorContains(t, err, l.Addr().String())

	cfg.Embedded = Embedded{Cluster: loopback.Address().String(), Store: t.TempDir()}
	_, err = Open(cfg)
	require.ErrorContains(t, err, "routes")
}
