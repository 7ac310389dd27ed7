package contender

import (
	"net"
	"runtime"
)

// Conns is the Client of a transport whose connections are each a net.Conn that
// writes a message as one datagram. Nil ones have not been opened.
type Conns []net.Conn

// Start reads from all connections until they are closed, and hands what comes
// to echo, if that is not nil.
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

// Send writes, and so waits while the socket is full.
func (c Conns) Send(i int, payload []byte, _ bool) bool {
	_, err := c[i].Write(payload)
	return err == nil
}

// Flush has nothing to do.
func (Conns) Flush(int) {}

// Lanes is one for each processor, as far as there are connections.
func (c Conns) Lanes() int { return min(len(c), runtime.GOMAXPROCS(0)) }

// Close closes all that are open.
func (c Conns) Close() error {
	for _, conn := range c {
		if conn != nil {
			_ = conn.Close()
		}
	}
	return nil
}
