package dtls

import (
	"context"
	"fmt"
	"net"

	piondtls "github.com/pion/dtls/v3"
	"golang.org/x/sync/errgroup"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/identity"
	"github.com/intentra/intentra/bench/socket"
)

// parallelDials is how many connections are opened at a time.
const parallelDials = 16

// Dial opens the connections.
func (Contender) Dial(ctx context.Context, s contender.Setup, to contender.Target,
	echo func(contender.Client, []byte)) (contender.Client, error) {
	c := make(contender.Conns, s.Connections)
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
	c.Start(echo)
	return c, nil
}

func dial(ctx context.Context, s contender.Setup, to contender.Target) (net.Conn, error) {
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
