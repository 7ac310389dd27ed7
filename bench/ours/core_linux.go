package ours

import (
	"context"
	"crypto/rand"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/load"
	"github.com/intentra/intentra/pipeline"
)

// newCore returns a core with the defaults of intentra.Config but MaxDatagram. It drops the
// messages that it receives.
func newCore() (*conn.Endpoint, error) {
	key, err := intentra.GenerateKey()
	if err != nil {
		return nil, err
	}
	cfg, err := intentra.Config{Key: key, MaxDatagram: load.MaxDatagram}.Core()
	if err != nil {
		return nil, err
	}
	cfg.Rand = rand.Reader
	cfg.Authorize = func(context.Context, conn.Handshake) bool { return false }
	cfg.Deliver = func(*conn.Peer, *pipeline.Packet) bool { return true }
	cfg.Room = func(*conn.Peer, uint32) bool { return true }
	cfg.Touched = func(*conn.Peer) {}
	return conn.New(cfg)
}

func newIdentity() (conn.Identity, error) {
	key, err := intentra.GenerateKey()
	if err != nil {
		return conn.Identity{}, err
	}
	return conn.NewIdentity(key)
}
