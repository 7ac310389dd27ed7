package alternatives

import (
	"context"
	"fmt"
	"net"

	piondtls "github.com/pion/dtls/v3"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/internal/load"
)

// Dial opens the connections, each on its own socket.
func (DTLS) Dial(ctx context.Context, s contender.Setup, to contender.Target,
	echo func(contender.Client, []byte)) (contender.Client, error) {
	c := make(contender.Conns, s.Connections)
	err := load.Parallel(ctx, len(c), parallelDials, func(ctx context.Context, i int) (err error) {
		c[i], err = dialDTLS(ctx, s, to)
		return err
	})
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("pion/dtls: %w", err)
	}
	c.Start(echo)
	return c, nil
}

func dialDTLS(ctx context.Context, s contender.Setup, to contender.Target) (net.Conn, error) {
	cert, err := contender.OwnCertificate()
	if err != nil {
		return nil, err
	}
	u, err := contender.ListenUDP(s.Buffer)
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
		piondtls.WithCipherSuites(dtlsSuite),
		piondtls.WithInsecureSkipVerify(true), // because the certificate is pinned
		piondtls.WithVerifyPeerCertificate(contender.Pinned(to.Key)),
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
func (DTLS) Connect(ctx context.Context, s contender.Setup, to contender.Target) error {
	c, err := dialDTLS(ctx, s, to)
	if err != nil {
		return err
	}
	return c.Close()
}
