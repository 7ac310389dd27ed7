package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/loopback"
)

// A Foxglove client sees the topics of real publishers, makes them wanted, and gets the
// newest value and what follows.
func TestFoxglove(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.listen(t, "hub", "--foxglove", "127.0.0.1:0", "--foxglove-origin", "https://app.example", "--http", "127.0.0.1:0")
	address := strings.TrimPrefix(h.stderr.line(t, "foxglove ws://127.0.0.1:"), "foxglove ")
	page := pageOf(t, h)
	options := func(header ...string) *websocket.DialOptions {
		o := &websocket.DialOptions{Subprotocols: []string{"foxglove.websocket.v1"}, HTTPHeader: http.Header{}}
		for i := 0; i < len(header); i += 2 {
			o.HTTPHeader.Set(header[i], header[i+1])
		}
		return o
	}
	for _, bad := range [][]string{{"Origin", "https://evil.example"}, {"Origin", "https://app.example.evil"}} {
		_, answer, err := websocket.Dial(t.Context(), address, options(bad...))
		require.Error(t, err)
		require.Equal(t, 403, answer.StatusCode)
	}
	o := options()
	o.Host = "evil.example"
	_, answer, err := websocket.Dial(t.Context(), address, o)
	require.Error(t, err)
	require.Equal(t, 421, answer.StatusCode)

	conn, _, err := websocket.Dial(t.Context(), address, options("Origin", "https://app.example"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.CloseNow() })
	read := func() (kind websocket.MessageType, b []byte) {
		kind, b, err := conn.Read(t.Context())
		require.NoError(t, err)
		return kind, b
	}
	_, b := read()
	require.Contains(t, string(b), `"op":"serverInfo"`)

	lines, feed := io.Pipe()
	pub := start(t, lines, s.connect("pub", h.address(), s.alice, "--intent", "latest", "--topic", "pose", "--encoding", "json")...)
	_, b = read()
	var channels struct{ Channels []struct{ ID int } }
	require.NoError(t, json.Unmarshal(b, &channels))
	require.Contains(t, string(b), `"topic":"/alice/pose"`)
	require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(`{"op":"subscribe","subscriptions":[{"id":3,"channelId":1}]}`)))
	_, err = io.WriteString(feed, `{"x":1}`+"\n")
	require.NoError(t, err)
	kind, b := read()
	require.Equal(t, websocket.MessageBinary, kind)
	require.Equal(t, `{"x":1}`, string(b[13:]))
	// One that comes later begins with the newest value.
	conn2, _, err := websocket.Dial(t.Context(), address, options())
	require.NoError(t, err)
	for range 2 {
		_, _, err = conn2.Read(t.Context())
		require.NoError(t, err)
	}
	require.NoError(t, conn2.Write(t.Context(), websocket.MessageText, []byte(`{"op":"subscribe","subscriptions":[{"id":9,"channelId":1}]}`)))
	_, b, err = conn2.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, `{"x":1}`, string(b[13:]))
	require.Equal(t, "\x09\x00\x00\x00", string(b[1:5]))
	require.NoError(t, conn2.CloseNow())

	page.Path = "/metrics"
	loopback.Eventually(t, t.Context(), "both updates are counted", func() bool {
		return strings.Contains(get(t, page.String()), `intentra_foxglove_updates_total{result="sent"} 2`)
	})
	require.Contains(t, get(t, page.String()), `intentra_foxglove_refusals_total{reason="slow"} 0`)
	require.NoError(t, feed.Close())
	pub.succeed()
	h.interrupt()
	h.succeed()
	_, _, err = conn.Read(t.Context())
	require.Error(t, err, "the hub has ended")
}

func TestFoxgloveElsewhereNeedsAToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.listen(t, "hub", "--foxglove", "0.0.0.0:0")
	address := strings.TrimPrefix(h.stderr.line(t, "foxglove ws://localhost:"), "foxglove ")
	bare, token, ok := strings.Cut(address, "?token=")
	require.True(t, ok)
	require.GreaterOrEqual(t, len(token), 16)
	o := &websocket.DialOptions{Subprotocols: []string{"foxglove.websocket.v1"}}
	_, answer, err := websocket.Dial(t.Context(), bare, o)
	require.Error(t, err)
	require.Equal(t, 401, answer.StatusCode)
	conn, _, err := websocket.Dial(t.Context(), address, o)
	require.NoError(t, err)
	require.NoError(t, conn.CloseNow())
	h.interrupt()
	h.succeed()
	s.listen(t, "hub", "--foxglove-origin", "https://app.example").fail(exitUsage, "needs --foxglove")
	s.listen(t, "hub", "--foxglove", "127.0.0.1:0", "--foxglove-origin", "app.example").fail(exitUsage, "is not an origin")
}
