package alternatives

import (
	"context"
	"net"

	"github.com/intentra/intentra/bench/contender"
)

// UDP is "udp": net.UDPConn without encryption, with one system call for each
// datagram, one connected socket for each connection, and one receiving loop.
type UDP struct{}

// Name returns "udp".
func (UDP) Name() string { return "udp" }

// Note describes the contender.
func (UDP) Note() string { return "net.UDPConn, not encrypted, a socket for each connection" }

// Raised returns nothing: there are no limits.
func (UDP) Raised(contender.Setup) []string { return nil }

type udpServer struct {
	conn *net.UDPConn
	lane *contender.Lane
}

// Serve opens a receiver.
func (UDP) Serve(_ context.Context, s contender.Setup, sink *contender.Sink) (contender.Server, error) {
	c, err := contender.ListenUDP(s.Buffer)
	if err != nil {
		return nil, err
	}
	v := &udpServer{conn: c, lane: sink.Lane()}
	go v.run()
	return v, nil
}

func (v *udpServer) run() {
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

func (v *udpServer) Target() contender.Target {
	return contender.Target{Addr: v.conn.LocalAddr().String()}
}

func (v *udpServer) Facts() (f contender.Facts) {
	f.ReadBuffer, f.WriteBuffer = contender.GrantedBuffers(v.conn)
	return f
}

func (v *udpServer) Close() error { return v.conn.Close() }

// Dial opens the sockets.
func (UDP) Dial(_ context.Context, s contender.Setup, to contender.Target,
	echo func(contender.Client, []byte)) (contender.Client, error) {
	var c contender.Conns
	for range s.Connections {
		u, err := contender.DialUDP(to.Addr, s.Buffer)
		if err != nil {
			_ = c.Close()
			return nil, err
		}
		c = append(c, u)
	}
	c.Start(echo)
	return c, nil
}
