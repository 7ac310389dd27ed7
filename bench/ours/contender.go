package ours

import (
	"context"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/internal/load"
	"github.com/intentra/intentra/udp"
)

// Contender is one of the variants.
type Contender struct {
	// Receive has messages taken by Receive instead of a Handler.
	Receive bool
	// Sockets gives each connection a socket of its own.
	Sockets bool
}

// Name returns the name of the variant.
func (c Contender) Name() string {
	switch {
	case c.Receive:
		return "intentra-receive"
	case c.Sockets:
		return "intentra-nogso"
	}
	return "intentra"
}

// Note describes the variant.
func (c Contender) Note() string {
	switch {
	case c.Receive:
		return "messages taken by Receive(ctx); a socket for each process"
	case c.Sockets:
		return "messages to a Handler; a socket for each connection, one datagram a call"
	}
	return "whole default chain, messages to a Handler; a socket for each process"
}

// fewConnections is the number of connections below which one may have to carry
// more than the default rate.
const fewConnections = 1000

// limits returns the raised limits of both sides.
func limits(s contender.Setup) load.Limits {
	l := load.Limits{MaxHandshakes: 4096, MaxHandshakesPerAddress: 4096, HandshakeRate: 100_000}
	if s.Connections < fewConnections {
		l.PeerRate, l.PeerBurst = 20_000_000, 1_000_000
	}
	return l
}

// Raised describes the raised limits of a receiver.
func (Contender) Raised(s contender.Setup) []string { return limits(s).Raised() }

// config returns what the Configs of a receiver and of Connect have in common.
func config(s contender.Setup) (c intentra.Config, err error) {
	limits(s).Apply(&c)
	c.Socket = udp.Config{ReadBuffer: s.Buffer, WriteBuffer: s.Buffer}
	c.Key, err = intentra.GenerateKey()
	return c, err
}

// Connect opens a transport, connects it, and closes it.
func (Contender) Connect(ctx context.Context, s contender.Setup, to contender.Target) error {
	cfg, err := config(s)
	if err != nil {
		return err
	}
	p, err := intentra.Dial(ctx, to.Addr, intentra.PublicKey(to.Key), cfg)
	if err != nil {
		return err
	}
	return p.Close()
}
