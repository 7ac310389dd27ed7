package intentra_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/metrics"
)

// lockedBuffer is a buffer that several goroutines can write to.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *lockedBuffer) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(b)
}

func (n *lockedBuffer) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// Private keys do not appear in logs at any level, in errors, in statistics or in
// metrics, while peers connect, fail to connect, roam and disconnect, with wrong
// keys, malformed files and user code that panics.
func TestPrivateKeysAppearInNoOutput(t *testing.T) {
	ctx := loopback.Context(t)
	var output lockedBuffer
	keys := []intentra.PrivateKey{loopback.Key(t), loopback.Key(t), loopback.Key(t), loopback.Key(t)}
	here, there, stranger, other := keys[0], keys[1], keys[2], keys[3]
	debug := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	config := func(k intentra.PrivateKey) intentra.Config {
		return loopback.QuickDetection(intentra.Config{
			Key: k, RekeyAfterPackets: 50,
			Logger: slog.New(slog.NewMultiHandler(slog.NewJSONHandler(&output, debug), slog.NewTextHandler(&output, debug))),
			OnPeer: func(ev intentra.PeerEvent) { fmt.Fprintf(&output, "%+v\n", ev) },
		})
	}
	say := func(v any) { fmt.Fprintf(&output, "%v\n%+v\n%#v\n", v, v, v) }
	fails := func(err error) {
		t.Helper()
		require.Error(t, err)
		say(err)
		for ; err != nil; err = errors.Unwrap(err) {
			say(err)
		}
	}

	cfg := config(here)
	cfg.Authorize = func(_ context.Context, h intentra.Handshake) bool { return h.Key != stranger.Public() }
	cfg.Handler = func(m intentra.Received) {
		if string(m.Payload) == "panic" {
			panic(fmt.Sprint("with ", here, cfg))
		}
	}
	l := loopback.ListenOn(t, "127.0.0.1:0", cfg)
	r := loopback.NewNAT(t, l.LocalAddr())
	p := loopback.DialAddr(t, r.Addr(), l.PublicKey(), config(there))
	for i := range 300 {
		if i == 150 {
			r.Rebind(t)
		}
		require.NoError(t, p.SendWait(ctx, intentra.Message{Intent: intentra.Reliable, Payload: make([]byte, 700)}))
	}
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("panic")))
	loopback.Eventually(t, ctx, "a rekey, a move and a panic", func() bool {
		s := l.Stats()
		return s.Rekeys > 0 && s.Roams > 0 && s.Panics > 0
	})

	// Dials that fail: a key that is not allowed, another key than expected, no
	// answer, an invalid config.
	dialFails := func(k intentra.PrivateKey, addr string, peer intentra.PublicKey) {
		t.Helper()
		cfg := config(k)
		cfg.HandshakeTimeout = 300 * time.Millisecond
		_, err := intentra.Dial(ctx, addr, peer, cfg)
		fails(err)
	}
	dialFails(stranger, l.LocalAddr().String(), here.Public())
	dialFails(other, l.LocalAddr().String(), stranger.Public())
	dialFails(other, "127.0.0.1:9", here.Public())
	dialFails(other, "nowhere", here.Public())
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err := intentra.Dial(cancelled, l.LocalAddr().String(), here.Public(), config(other))
	fails(err)
	bad := config(other)
	bad.PeerRate = -1
	_, err = intentra.Listen("127.0.0.1:0", bad)
	fails(err)

	// Files with a key and something else.
	file := filepath.Join(t.TempDir(), "key")
	text := base64.StdEncoding.EncodeToString(other[:])
	for _, content := range []string{text[:40], text + text, "key = " + text, text[:43], string(other[:])} {
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		_, err := intentra.ReadPrivateKey(file)
		fails(err)
	}
	_, err = intentra.ReadPrivateKey(text)
	fails(err)
	fails(intentra.WritePrivateKey(file, other))
	for _, list := range []string{text[:40] + " robot", "robot " + text, here.Public().String() + "\nx" + text} {
		_, err := intentra.ParseAllowList(strings.NewReader(list))
		fails(err)
	}
	_, err = intentra.ParsePublicKey(text[:43])
	fails(err)

	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewCollector(l))
	page := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	require.Contains(t, page.Body.String(), "intentra_")
	_, _ = output.Write(page.Body.Bytes())
	for _, peer := range append(l.Peers(), p) {
		say(peer.Stats())
		say(peer.Key())
	}
	say(l.Stats())
	require.NoError(t, p.Transport().Shutdown(ctx))
	require.NoError(t, l.Close())
	say(p.Transport().Stats())

	all := output.String()
	for _, words := range []string{"level=DEBUG", "refused a key", "panic", "hidden", there.Public().String()} {
		require.Contains(t, all, words, "the output is complete")
	}
	for _, k := range keys {
		requireNoTrace(t, k, all)
	}
}
