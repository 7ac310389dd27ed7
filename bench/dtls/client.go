package dtls

import (
	"context"
	"fmt"
	"net"
	"runtime"

	piondtls "github.com/pion/dtls/v3"
	"golang.org/x/sync/errgroup"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/identity"
	"github.com/intentra/intentra/bench/socket"
)

// parallelDials is how many connections are opened at a time.
const parallelDials = 16

type client []*piondtls.Conn

// Dial opens the connections.
func (Contender) Dial(ctx context.Context, s contender.Setup, to contender.Target,
	echo func(contender.Client, []byte)) (contender.Client, error) {
	c := make(client, s.Connections)
	group, dialling := errgroup.WithContext(ctx)
	group.SetLimit(parallelDials)
	for i := range c {
		group.Go(func() (err error) {
			c[i], err = dial(dialling, s, to)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("pion/dtls: %w", err)
	}
	for _, d := range c {
		if echo != nil {
			go c.read(d, echo)
		}
	}
	return c, nil
}

func dial(ctx context.Context, s contender.Setup, to contender.Target) (*piondtls.Conn, error) {
	cert, err := identity.Own()
	if err != nil {
		return nil, err
	}
	u, err := socket.Listen(s.Buffer)
	if err != nil {
		return nil, err
	}
	addr, err := net.ResolveUDPAddr("udp4", to.Addr)
	if err != nil {
		_ = u.Close()
		return nil, err
	}
	d, err := piondtls.ClientWithOptions(u, addr,
		piondtls.WithCertificates(cert),
		piondtls.WithCipherSuites(suite),
		piondtls.WithInsecureSkipVerify(true), // the certificate is pinned instead
		piondtls.WithVerifyPeerCertificate(identity.Pinned(to.Key)),
	)
	if err == nil {
		err = d.HandshakeContext(ctx)
	}
	if err != nil {
		_ = u.Close()
		return nil, err
	}
	return d, nil
}

// Connect opens one connection and closes it.
func (Contender) Connect(ctx context.Context, s contender.Setup, to contender.Target) error {
	c, err := dial(ctx, s, to)
	if err != nil {
		return err
	}
	return c.Close()
}

func (c client) read(d *piondtls.Conn, echo func(contender.Client, []byte)) {
	buf := make([]byte, 2048)
	for {
		n, err := d.Read(buf)
		if err != nil {
			return
		}
		echo(c, buf[:n])
	}
}

// Send writes; the library waits when the socket is full.
func (c client) Send(i int, payload []byte, _ bool) bool {
	_, err := c[i].Write(payload)
	return err == nil
}

func (client) Flush(int) {}

func (c client) Lanes() int { return min(len(c), runtime.GOMAXPROCS(0)) }

func (c client) Close() error {
	for _, d := range c {
		if d != nil {
			_ = d.Close()
		}
	}
	return nil
}
