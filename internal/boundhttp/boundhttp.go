// Package boundhttp bounds what an HTTP server gives to its clients: connections, the size of
// headers, and waits. The pages and metrics of all our commands are served so.
package boundhttp

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// What we chose.
const (
	// MaxConnections is how many connections a listener accepts at a time; others are closed
	// at once.
	MaxConnections = 256
	// sendBuffer is the size of the socket buffer of each, so that a slow browser is noticed
	// before it is seconds behind.
	sendBuffer = 64 << 10
	// MaxHeader is the size of the largest request header, in bytes.
	MaxHeader = 16 << 10
)

// Server returns a server of h for a listener from [Listener].
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute,
		MaxHeaderBytes: MaxHeader,
	}
}

// Listener returns a listener that closes connections of l beyond MaxConnections at once.
func Listener(l net.Listener) net.Listener { return &listener{Listener: l} }

type listener struct {
	net.Listener
	open atomic.Int64
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) > MaxConnections {
			l.open.Add(-1)
			_ = c.Close() // refused
			continue
		}
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetWriteBuffer(sendBuffer) // the kernel's choice works too
		}
		return &conn{Conn: c, release: func() { l.open.Add(-1) }}, nil
	}
}

type conn struct {
	net.Conn
	once    sync.Once
	release func()
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.once.Do(c.release)
	return c.Conn.Close()
}
