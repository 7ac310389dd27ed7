package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/boundhttp"
)

// TestServeBounds: connections beyond the limit are closed at once and possible again later,
// and a large header is refused.
func TestServeBounds(t *testing.T) {
	addr, stop, err := serve("http", "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	require.NoError(t, err)
	defer stop()
	// ask returns the status of the answer to a request with a header of n bytes, or an error
	// if the connection is closed without one.
	ask := func(c net.Conn, n int) (int, error) {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX-Pad: "+strings.Repeat("x", n)+"\r\n\r\n"); err != nil {
			return 0, err
		}
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return 0, err
		}
		defer func() { _ = answer.Body.Close() }()
		_, err = io.Copy(io.Discard, answer.Body)
		return answer.StatusCode, err
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	var held []net.Conn
	for range boundhttp.MaxConnections {
		c := dial()
		code, err := ask(c, 1)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, code)
		held = append(held, c)
	}
	_, err = ask(dial(), 1)
	require.Error(t, err, "one more than the limit")
	require.NoError(t, held[0].Close())
	for {
		c := dial()
		if _, err := ask(c, 1); err == nil {
			break // the server has noticed
		}
		_ = c.Close()
	}
	if code, err := ask(held[1], 2*boundhttp.MaxHeader); err == nil { // else the connection was closed before all of it was sent
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, code)
	}
}
