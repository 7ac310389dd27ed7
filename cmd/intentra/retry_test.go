package main

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// silent returns the address of a socket that answers nothing, and a function that
// closes it. Then no other socket has the address until a test uses it again.
func silent(t *testing.T) (addr string, closing func()) {
	t.Helper()
	c, err := net.ListenPacket("udp4", loopback.Address().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c.LocalAddr().String(), func() { require.NoError(t, c.Close()) }
}

// With --retry, pub and sub may start before the other side, with and without topics.
// Each failed attempt is logged, with the address and what was observed.
func TestRetryUntilTheOtherSideStarts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hubAddr, freeHub := silent(t)
	subAddr, freeSub := silent(t)
	flags := []string{"--retry", "--intent", "reliable", "--suite", "chachapoly"}
	topicPub := start(t, strings.NewReader("x\n"), s.connect("pub", hubAddr, s.alice, append(flags, "--topic", "count")...)...)
	topicSub := start(t, nil, s.connect("sub", hubAddr, s.bob, "--retry", "--suite", "chachapoly", "--topic", "**")...)
	pub := start(t, strings.NewReader("x\n"), s.connect("pub", subAddr, s.alice, flags...)...)
	sub := start(t, nil, s.connect("sub", subAddr, s.bob, "--retry", "--suite", "chachapoly")...)
	for _, r := range []*running{topicPub, topicSub, pub, sub} {
		line := r.stderr.line(t, "still trying to connect")
		addr := subAddr
		if r == topicPub || r == topicSub {
			addr = hubAddr
		}
		require.Contains(t, line, "addr="+addr)
		require.Contains(t, line, "no answer")
		require.NotContains(t, r.stderr.String(), "connected "+addr)
	}
	freeHub()
	freeSub()
	hub := start(t, nil, "hub", "--listen", hubAddr, "--key", s.server.file, "--access", s.allow)
	listener := start(t, nil, "sub", "--listen", subAddr, "--key", s.server.file, "--allow", s.allow)
	for _, r := range []*running{topicSub, sub} {
		r.stderr.line(t, "connected ")
		r.interrupt()
		r.succeed()
	}
	for _, r := range []*running{topicPub, pub} {
		r.succeed()
		require.EqualValues(t, 1, r.summary().Lines)
		require.NotContains(t, r.stderr.String(), "peer up", "an uplink logs what concerns the user")
	}
	for _, r := range []*running{hub, listener} {
		r.interrupt()
		r.succeed()
	}
}

// A timeout bounds the attempts of --retry as well, and its error says what the last
// one observed.
func TestTimeoutBoundsRetries(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	addr, _ := silent(t)
	for _, more := range [][]string{nil, {"--topic", "**"}} {
		sub := start(t, nil, s.connect("sub", addr, s.bob, append(more, "--retry", "--timeout", "200ms")...)...)
		sub.fail(exitFailure, "dialling "+addr, errExpired.Error())
	}
}

// Both modes of pub and sub have all flags of the transport.
func TestFlagsReachTheTransport(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	e := &environment{ctx: t.Context(), stderr: &stderr}
	bytesPerSecond := 5000
	socket := socketFlags{PeerBandwidth: &bytesPerSecond}
	key, err := intentra.GenerateKey()
	require.NoError(t, err)
	for _, retry := range []bool{false, true} {
		f := retryFlag{Retry: retry}
		for _, cfg := range []intentra.Config{
			(&pubCmd{Suite: intentra.ChaChaPoly, socketFlags: socket, retryFlag: f}).config(e, key, new(recorder)),
			(&subCmd{Suite: intentra.ChaChaPoly, socketFlags: socket, retryFlag: f}).config(e, key, new(recorder)),
		} {
			require.Equal(t, key, cfg.Key)
			require.Equal(t, intentra.ChaChaPoly, cfg.Suite)
			require.Equal(t, bytesPerSecond, cfg.PeerBandwidth)
			require.Equal(t, retry, cfg.RetryDial)
		}
	}
}

func TestAttemptLog(t *testing.T) {
	t.Parallel()
	for _, retry := range []bool{false, true} {
		var stderr bytes.Buffer
		cfg := intentra.Config{Logger: slog.New(slog.NewTextHandler(&stderr, &slog.HandlerOptions{Level: slog.LevelError}))}
		retryFlag{Retry: retry}.apply(&environment{stderr: &stderr}, "192.0.2.7:4242", &cfg)
		log := cfg.Logger.With("peer", "p").With("q", 1)
		log.Info("up", "addr", "a")
		log.Warn("slow", "err", "e")
		require.Empty(t, stderr.String())
		log.Info("failed", "err", "e", "attempts", 1)
		require.Equal(t, retry, strings.Contains(stderr.String(), "addr=192.0.2.7:4242"))
		log.Error("broken")
		require.Contains(t, stderr.String(), "broken")
	}
}
