package contender

import (
	"net"
	"runtime"
)

// Conns is the Client of a transport with a net.Conn for each connection, whose
// Write sends one datagram. Connections that could not be opened are nil.
type Conns []net.Conn

// Start passes the messages of all connections to echo until they are closed. It
// does nothing if echo is nil.
func (c Conns) Start(echo func(Client, []byte)) {
	if echo == nil {
		return
	}
	for _, conn := range c {
		go c.read(conn, echo)
	}
}

func (c Conns) read(conn net.Conn, echo func(Client, []byte)) {
	buf := make([]byte, 2048)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		echo(c, buf[:n])
	}
}

// Send writes the message. It always waits while the socket buffer is full.
func (c Conns) Send(i int, payload []byte, _ bool) bool {
	_, err := c[i].Write(payload)
	return err == nil
}

// Flush does nothing.
func (Conns) Flush(int) {}

// Lanes returns the number of processors, but no more than there are
// connections.
func (c Conns) Lanes() int { return min(len(c), runtime.GOMAXPROCS(0)) }

// Close closes all open connections.
func (c Conns) Close() error {
	for _, conn := range c {
		if conn != nil {
			_ = conn.Close()
		}
	}
	return nil
}
