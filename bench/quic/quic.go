// Package quic is quic-go with datagrams (RFC 9221): TLS 1.3 with certificates
// on both sides. The connections of a process share one quic.Transport, and so
// one socket. quic-go uses GSO by itself, has its own congestion control, which
// holds for datagrams too, and queues 32 datagrams to send and 128 to receive
// for each connection.
package quic

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/identity"
	"github.com/intentra/intentra/bench/socket"
)

const (
	protocol  = "intentra-bench"
	handshake = 20 * time.Second
	// lanes: SendDatagram waits while the queue of a connection is full, so a
	// goroutine must not stand for too many.
	lanes = 8
	// parallelDials is how many connections are opened at a time.
	parallelDials = 16
)

// Contender is "quic-go".
type Contender struct{}

// Name returns "quic-go".
func (Contender) Name() string { return "quic-go" }

// Note describes it.
func (Contender) Note() string { return "quic-go datagrams, TLS 1.3, a socket for each process" }

// Raised returns nothing.
func (Contender) Raised(contender.Setup) []string { return nil }

func config() *quicgo.Config {
	return &quicgo.Config{
		EnableDatagrams:      true,
		HandshakeIdleTimeout: handshake,
		MaxIdleTimeout:       time.Minute,
		KeepAlivePeriod:      5 * time.Second,
	}
}

type server struct {
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
func (Contender) Serve(_ context.Context, s contender.Setup, sink *contender.Sink) (contender.Server, error) {
	cert, err := identity.New()
	if err != nil {
		return nil, err
	}
	u, err := socket.Listen(s.Buffer)
	if err != nil {
		return nil, err
	}
	v := &server{socket: u, transport: &quicgo.Transport{Conn: u}, cert: cert, sink: sink}
	v.ctx, v.stop = context.WithCancel(context.Background())
	v.listener, err = v.transport.Listen(&tls.Config{
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.RequireAnyClientCert,
		NextProtos:   []string{protocol},
		MinVersion:   tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{
			tls.X25519,
		},
	}, config())
	if err != nil {
		_ = u.Close()
		return nil, err
	}
	v.readers.Go(v.accept)
	return v, nil
}

func (v *server) accept() {
	for {
		c, err := v.listener.Accept(v.ctx)
		if err != nil {
			return
		}
		v.readers.Go(func() { v.read(c) })
	}
}

func (v *server) read(c *quicgo.Conn) {
	var lane *contender.Lane
	for {
		b, err := c.ReceiveDatagram(v.ctx)
		if err != nil {
			return
		}
		if lane == nil { // not for those that only measure handshakes
			lane = v.sink.Lane()
		}
		if lane.Deliver(b) {
			_ = c.SendDatagram(b)
		}
	}
}

func (v *server) Target() contender.Target {
	return contender.Target{Addr: v.socket.LocalAddr().String(), Key: v.cert.Certificate[0]}
}

func (v *server) Facts() (f contender.Facts) {
	f.ReadBuffer, f.WriteBuffer = socket.Granted(v.socket)
	return f
}

func (v *server) Close() error {
	v.stop()
	err := errors.Join(v.listener.Close(), v.transport.Close(), v.socket.Close())
	v.readers.Wait()
	return err
}
