package quic

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	quicgo "github.com/quic-go/quic-go"
	"golang.org/x/sync/errgroup"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/identity"
	"github.com/intentra/intentra/bench/socket"
)

type client struct {
	socket    *net.UDPConn
	transport *quicgo.Transport
	conns     []*quicgo.Conn
}

// Dial opens the connections over one socket.
func (Contender) Dial(ctx context.Context, s contender.Setup, to contender.Target,
	echo func(contender.Client, []byte)) (contender.Client, error) {
	u, err := socket.Listen(s.Buffer)
	if err != nil {
		return nil, err
	}
	c := &client{socket: u, transport: &quicgo.Transport{Conn: u}, conns: make([]*quicgo.Conn, s.Connections)}
	group, dialling := errgroup.WithContext(ctx)
	group.SetLimit(parallelDials)
	for i := range c.conns {
		group.Go(func() (err error) {
			c.conns[i], err = dial(dialling, c.transport, to)
			return err
		})
	}
	if err := group.Wait(); err != nil {
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

func dial(ctx context.Context, t *quicgo.Transport, to contender.Target) (*quicgo.Conn, error) {
	cert, err := identity.Own()
	if err != nil {
		return nil, err
	}
	addr, err := net.ResolveUDPAddr("udp4", to.Addr)
	if err != nil {
		return nil, err
	}
	return t.Dial(ctx, addr, &tls.Config{
		Certificates:          []tls.Certificate{cert},
		InsecureSkipVerify:    true, // the certificate is pinned instead
		VerifyPeerCertificate: identity.Pinned(to.Key),
		NextProtos:            []string{protocol},
		MinVersion:            tls.VersionTLS13,
		CurvePreferences:      []tls.CurveID{tls.X25519},
	}, config())
}

// Connect opens one connection on a socket of its own and closes it. The library
// takes it for up when its own handshake is complete, half a round trip before
// the server's word that it has accepted our certificate.
func (Contender) Connect(ctx context.Context, s contender.Setup, to contender.Target) error {
	u, err := socket.Listen(s.Buffer)
	if err != nil {
		return err
	}
	defer u.Close()
	t := &quicgo.Transport{Conn: u}
	defer t.Close()
	c, err := dial(ctx, t, to)
	if err != nil {
		return err
	}
	return c.CloseWithError(0, "")
}

func (c *client) read(q *quicgo.Conn, echo func(contender.Client, []byte)) {
	for {
		b, err := q.ReceiveDatagram(context.Background())
		if err != nil {
			return
		}
		echo(c, b)
	}
}

// Send queues a datagram, and waits while 32 are queued: quic-go has no other
// way.
func (c *client) Send(i int, payload []byte, _ bool) bool {
	return c.conns[i].SendDatagram(payload) == nil
}

func (c *client) Flush(int) {}

func (c *client) Lanes() int { return min(len(c.conns), lanes) }

func (c *client) Close() error {
	for _, q := range c.conns {
		if q != nil {
			_ = q.CloseWithError(0, "")
		}
	}
	_ = c.transport.Close()
	return c.socket.Close()
}
