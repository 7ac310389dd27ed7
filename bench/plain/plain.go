// Package plain is net.UDPConn as a program uses it that needs nothing more:
// one system call a datagram, no encryption, one connected socket for each
// connection, one loop at the receiver.
package plain

import (
	"context"
	"net"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/socket"
)

// Contender is "udp".
type Contender struct{}

// Name returns "udp".
func (Contender) Name() string { return "udp" }

// Note describes it.
func (Contender) Note() string { return "net.UDPConn, not encrypted, a socket for each connection" }

// Raised returns nothing: there are no limits.
func (Contender) Raised(contender.Setup) []string { return nil }

type server struct {
	conn *net.UDPConn
	lane *contender.Lane
}

// Serve opens a receiver.
func (Contender) Serve(_ context.Context, s contender.Setup, sink *contender.Sink) (contender.Server, error) {
	c, err := socket.Listen(s.Buffer)
	if err != nil {
		return nil, err
	}
	v := &server{conn: c, lane: sink.Lane()}
	go v.run()
	return v, nil
}

func (v *server) run() {
	buf := make([]byte, 2048)
	for {
		n, from, err := v.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if v.lane.Deliver(buf[:n]) {
			_, _ = v.conn.WriteToUDPAddrPort(buf[:n], from)
		}
	}
}

func (v *server) Target() contender.Target {
	return contender.Target{Addr: v.conn.LocalAddr().String()}
}

func (v *server) Facts() (f contender.Facts) {
	f.ReadBuffer, f.WriteBuffer = socket.Granted(v.conn)
	return f
}

func (v *server) Close() error { return v.conn.Close() }

// Dial opens the sockets.
func (Contender) Dial(_ context.Context, s contender.Setup, to contender.Target,
	echo func(contender.Client, []byte)) (contender.Client, error) {
	var c contender.Conns
	for range s.Connections {
		u, err := socket.Dial(to.Addr, s.Buffer)
		if err != nil {
			_ = c.Close()
			return nil, err
		}
		c = append(c, u)
	}
	c.Start(echo)
	return c, nil
}
