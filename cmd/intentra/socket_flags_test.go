package main

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/udp"
)

// parsed parses a command line without running it.
func parsed(t *testing.T, args ...string) *grammar {
	t.Helper()
	command, code, done := newCommandLine(&environment{stdout: io.Discard, stderr: io.Discard}).parse(args)
	require.False(t, done, "exit code %d", code)
	return command.Model.Target.Addr().Interface().(*grammar)
}

// The flags of the socket and of the handshakes reach the configuration; without
// them the defaults hold.
func TestSocketAndHandshakeFlags(t *testing.T) {
	s := newSite(t)
	for command, flags := range map[string]func(*grammar) (*handshakeFlags, *socketFlags){
		"hub": func(g *grammar) (*handshakeFlags, *socketFlags) { return &g.Hub.handshakeFlags, &g.Hub.socketFlags },
		"sub": func(g *grammar) (*handshakeFlags, *socketFlags) { return &g.Sub.handshakeFlags, &g.Sub.socketFlags },
	} {
		listen := []string{"--listen", ":0", map[string]string{"hub": "--access", "sub": "--allow"}[command], "any", "--key", s.server.file}
		var cfg intentra.Config
		handshakes, socket := flags(parsed(t, append([]string{command}, listen...)...))
		require.False(t, handshakes.given())
		handshakes.apply(&cfg)
		cfg.Socket = socket.config()
		require.Equal(t, intentra.Config{}, cfg)

		handshakes, socket = flags(parsed(t, append([]string{
			command, "--max-handshakes=300", "--max-handshakes-per-address=200", "--handshake-rate=1000", "--dscp=46", "--device=eth7", "--peer-bandwidth=125000",
		}, listen...)...))
		require.True(t, handshakes.given())
		handshakes.apply(&cfg)
		cfg.Socket = socket.config()
		require.Equal(t, 125_000, *socket.PeerBandwidth)
		require.Equal(t, intentra.Config{
			MaxHandshakes: 300, MaxHandshakesPerAddress: 200, HandshakeRate: 1000, Socket: udp.Config{DSCP: 46, Device: "eth7"},
		}, cfg)
	}
	g := parsed(t, s.connect("pub", "127.0.0.1:1", s.alice, "--dscp", "0", "--device", "eth7")...)
	require.Equal(t, udp.Config{Device: "eth7"}, g.Pub.socketFlags.config())
}

// A device that does not exist is a failure of the start, in each command.
func TestUnknownDevice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const device = "--device=no-such-device"
	for _, r := range []*running{
		s.listen(t, "hub", device), s.listen(t, "sub", device),
		start(t, nil, s.connect("sub", "127.0.0.1:1", s.bob, device)...),
		start(t, strings.NewReader("x"), s.connect("pub", "127.0.0.1:1", s.alice, device)...),
	} {
		r.fail(exitFailure, "evice") // the name, or that the system has no such option
	}
}
