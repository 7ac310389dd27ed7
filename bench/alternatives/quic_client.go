package alternatives

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	quicgo "github.com/quic-go/quic-go"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/internal/load"
)

type quicClient struct {
	socket    *net.UDPConn
	transport *quicgo.Transport
	conns     []*quicgo.Conn
}

// Dial opens the connections over one socket.
func (QUIC) Dial(ctx context.Context, s contender.Setup, to contender.Target,
	echo func(contender.Client, []byte)) (contender.Client, error) {
	u, err := contender.ListenUDP(s.Buffer)
	if err != nil {
		return nil, err
	}
	c := &quicClient{socket: u, transport: &quicgo.Transport{Conn: u}, conns: make([]*quicgo.Conn, s.Connections)}
	err = load.Parallel(ctx, len(c.conns), parallelDials, func(ctx context.Context, i int) (err error) {
		c.conns[i], err = dialQUIC(ctx, c.transport, to)
		return err
	})
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("quic-go: %w", err)
	}
	for _, q := range c.conns {
		if echo != nil {
			go c.read(q, echo)
		}
	}
	return c, nil
}

func dialQUIC(ctx context.Context, t *quicgo.Transport, to contender.Target) (*quicgo.Conn, error) {
	cert, err := contender.OwnCertificate()
	if err != nil {
		return nil, err
	}
	addr, err := net.ResolveUDPAddr("udp4", to.Addr)
	if err != nil {
		return nil, err
	}
	return t.Dial(ctx, addr, &tls.Config{
		Certificates:          []tls.Certificate{cert},
		InsecureSkipVerify:    true, // because the certificate is pinned
		VerifyPeerCertificate: contender.Pinned(to.Key),
		NextProtos:            []string{quicProtocol},
		MinVersion:            tls.VersionTLS13,
		CurvePreferences:      []tls.CurveID{tls.X25519},
	}, quicConfig())
}

// Connect opens one connection on its own socket and closes it. The library
// considers it connected when the handshake is complete on its side, half a
// round trip before the server confirms that it accepts our certificate.
func (QUIC) Connect(ctx context.Context, s contender.Setup, to contender.Target) error {
	u, err := contender.ListenUDP(s.Buffer)
	if err != nil {
		return err
	}
	defer u.Close()
	t := &quicgo.Transport{Conn: u}
	defer t.Close()
	c, err := dialQUIC(ctx, t, to)
	if err != nil {
		return err
	}
	return c.CloseWithError(0, "")
}

func (c *quicClient) read(q *quicgo.Conn, echo func(contender.Client, []byte)) {
	for {
		b, err := q.ReceiveDatagram(context.Background())
		if err != nil {
			return
		}
		echo(c, b)
	}
}

// Send queues a datagram. It always waits while 32 datagrams are queued, as
// quic-go has no call that does not.
func (c *quicClient) Send(i int, payload []byte, _ bool) bool {
	return c.conns[i].SendDatagram(payload) == nil
}

func (c *quicClient) Flush(int) {}

func (c *quicClient) Lanes() int { return min(len(c.conns), quicLanes) }

func (c *quicClient) Close() error {
	for _, q := range c.conns {
		if q != nil {
			_ = q.CloseWithError(0, "")
		}
	}
	_ = c.transport.Close()
	return c.socket.Close()
}
