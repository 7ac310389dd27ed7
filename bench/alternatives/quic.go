package alternatives

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/intentra/intentra/bench/contender"
)

const (
	quicProtocol  = "intentra-bench"
	quicHandshake = 20 * time.Second
	// quicLanes is the most sending goroutines. SendDatagram blocks while the
	// queue of a connection is full, so one goroutine must not serve too many.
	quicLanes = 8
	// parallelDials is how many connections are opened at a time.
	parallelDials = 16
)

// QUIC is "quic-go": datagrams of RFC 9221 over TLS 1.3, with certificates on
// both sides. The connections of a process share one quic.Transport, and so one
// socket. quic-go enables GSO by itself, applies its congestion control to
// datagrams, and queues 32 datagrams to send and 128 to receive for each
// connection.
type QUIC struct{}

// Name returns "quic-go".
func (QUIC) Name() string { return "quic-go" }

// Note describes the contender.
func (QUIC) Note() string { return "quic-go datagrams, TLS 1.3, a socket for each process" }

// Raised returns nothing: no limit needs to be raised.
func (QUIC) Raised(contender.Setup) []string { return nil }

func quicConfig() *quicgo.Config {
	return &quicgo.Config{
		EnableDatagrams:      true,
		HandshakeIdleTimeout: quicHandshake,
		MaxIdleTimeout:       time.Minute,
		KeepAlivePeriod:      5 * time.Second,
	}
}

type quicServer struct {
	socket    *net.UDPConn
	transport *quicgo.Transport
	listener  *quicgo.Listener
	cert      tls.Certificate
	sink      *contender.Sink
	ctx       context.Context
	stop      context.CancelFunc
	readers   sync.WaitGroup
}

// Serve opens a receiver.
func (QUIC) Serve(_ context.Context, s contender.Setup, sink *contender.Sink) (contender.Server, error) {
	cert, err := contender.NewCertificate()
	if err != nil {
		return nil, err
	}
	u, err := contender.ListenUDP(s.Buffer)
	if err != nil {
		return nil, err
	}
	v := &quicServer{socket: u, transport: &quicgo.Transport{Conn: u}, cert: cert, sink: sink}
	v.ctx, v.stop = context.WithCancel(context.Background())
	v.listener, err = v.transport.Listen(&tls.Config{
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.RequireAnyClientCert,
		NextProtos:   []string{quicProtocol},
		MinVersion:   tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{
			tls.X25519,
		},
	}, quicConfig())
	if err != nil {
		_ = u.Close()
		return nil, err
	}
	v.readers.Go(v.accept)
	return v, nil
}

func (v *quicServer) accept() {
	for {
		c, err := v.listener.Accept(v.ctx)
		if err != nil {
			return
		}
		v.readers.Go(func() { v.read(c) })
	}
}

func (v *quicServer) read(c *quicgo.Conn) {
	var lane *contender.Lane
	for {
		b, err := c.ReceiveDatagram(v.ctx)
		if err != nil {
			return
		}
		if lane == nil { // no lane for a connection that only measures handshakes
			lane = v.sink.Lane()
		}
		if lane.Deliver(b) {
			_ = c.SendDatagram(b)
		}
	}
}

func (v *quicServer) Target() contender.Target {
	return contender.Target{Addr: v.socket.LocalAddr().String(), Key: v.cert.Certificate[0]}
}

func (v *quicServer) Facts() (f contender.Facts) {
	f.ReadBuffer, f.WriteBuffer = contender.GrantedBuffers(v.socket)
	return f
}

func (v *quicServer) Close() error {
	v.stop()
	err := errors.Join(v.listener.Close(), v.transport.Close(), v.socket.Close())
	v.readers.Wait()
	return err
}
