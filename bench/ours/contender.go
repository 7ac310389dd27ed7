package ours

import (
	"context"
	"fmt"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/bench/contender"
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

// The limits that are raised, and to what.
const (
	handshakesInFlight = 4096
	handshakeRate      = 100_000
	// fewConnections is up to where a connection may have to carry more than
	// the default rate.
	fewConnections = 1000
	peerRate       = 20_000_000
	peerBurst      = 1_000_000
)

// Raised names what a receiver of s is given beyond its defaults.
func (Contender) Raised(s contender.Setup) []string {
	r := []string{
		fmt.Sprintf("MaxHandshakes=%d", handshakesInFlight),
		fmt.Sprintf("MaxHandshakesPerAddress=%d", handshakesInFlight),
		fmt.Sprintf("HandshakeRate=%d", handshakeRate),
	}
	if s.Connections < fewConnections {
		r = append(r, fmt.Sprintf("PeerRate=%d", peerRate), fmt.Sprintf("PeerBurst=%d", peerBurst))
	}
	return r
}

// config is that of both sides but for the identity and what becomes of
// messages.
func config(s contender.Setup) (intentra.Config, error) {
	key, err := intentra.GenerateKey()
	c := intentra.Config{
		Key:                     key,
		MaxHandshakes:           handshakesInFlight,
		MaxHandshakesPerAddress: handshakesInFlight,
		HandshakeRate:           handshakeRate,
		Socket:                  udp.Config{ReadBuffer: s.Buffer, WriteBuffer: s.Buffer},
	}
	if s.Connections < fewConnections {
		c.PeerRate, c.PeerBurst = peerRate, peerBurst
	}
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
