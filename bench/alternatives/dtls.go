package alternatives

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	piondtls "github.com/pion/dtls/v3"

	"github.com/intentra/intentra/bench/contender"
)

const dtlsSuite = piondtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384

// DTLS is "pion-dtls": DTLS 1.2 with AES-256-GCM and certificates on both
// sides. The dialer has a socket for each connection, the listener one for all.
type DTLS struct{}

// Name returns "pion-dtls".
func (DTLS) Name() string { return "pion-dtls" }

// Note describes the contender.
func (DTLS) Note() string { return "pion/dtls, DTLS 1.2, a socket for each connection" }

// Raised returns nothing: no limit needs to be raised.
func (DTLS) Raised(contender.Setup) []string { return nil }

type dtlsServer struct {
	listener net.Listener
	cert     tls.Certificate
	sink     *contender.Sink
	buffer   int
	readers  sync.WaitGroup
	closing  atomic.Bool

	mu    sync.Mutex
	conns map[*piondtls.Conn]struct{}
}

// Serve opens a receiver.
func (DTLS) Serve(_ context.Context, s contender.Setup, sink *contender.Sink) (contender.Server, error) {
	cert, err := contender.NewCertificate()
	if err != nil {
		return nil, err
	}
	l, err := piondtls.ListenWithOptions("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)},
		piondtls.WithCertificates(cert),
		piondtls.WithCipherSuites(dtlsSuite),
		piondtls.WithClientAuth(piondtls.RequireAnyClientCert),
		piondtls.WithListenConfig(*contender.ListenConfig(s.Buffer)),
	)
	if err != nil {
		return nil, err
	}
	v := &dtlsServer{listener: l, cert: cert, sink: sink, buffer: s.Buffer, conns: map[*piondtls.Conn]struct{}{}}
	v.readers.Go(v.accept)
	return v, nil
}

func (v *dtlsServer) accept() {
	for {
		c, err := v.listener.Accept()
		if err != nil {
			if v.closing.Load() {
				return
			}
			continue // the error of one connection
		}
		d := c.(*piondtls.Conn)
		v.mu.Lock()
		v.conns[d] = struct{}{}
		v.mu.Unlock()
		v.readers.Go(func() { v.read(d) })
	}
}

func (v *dtlsServer) read(c *piondtls.Conn) {
	defer func() {
		v.mu.Lock()
		delete(v.conns, c)
		v.mu.Unlock()
		_ = c.Close()
	}()
	if c.Handshake() != nil {
		return
	}
	var lane *contender.Lane
	buf := make([]byte, 2048)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if lane == nil { // no lane for a connection that only measures handshakes
			lane = v.sink.Lane()
		}
		if lane.Deliver(buf[:n]) {
			_, _ = c.Write(buf[:n])
		}
	}
}

func (v *dtlsServer) Target() contender.Target {
	return contender.Target{Addr: v.listener.Addr().String(), Key: v.cert.Certificate[0]}
}

// Facts returns none: the library does not expose its socket.
func (v *dtlsServer) Facts() contender.Facts { return contender.Facts{} }

func (v *dtlsServer) Close() error {
	v.closing.Store(true)
	err := v.listener.Close()
	v.mu.Lock()
	for c := range v.conns {
		err = errors.Join(err, c.Close())
	}
	v.mu.Unlock()
	v.readers.Wait()
	return err
}
