package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// listenLoopback returns a transport that any key may dial.
func listenLoopback(t *testing.T) *intentra.Transport {
	t.Helper()
	key, err := intentra.GenerateKey()
	require.NoError(t, err)
	l, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: key, Authorize: intentra.AllowAny, Handler: func(intentra.Received) {}})
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// dialLoopback connects to it.
func dialLoopback(t *testing.T, l *intentra.Transport, cfg intentra.Config) *intentra.Peer {
	t.Helper()
	var err error
	cfg.Key, err = intentra.GenerateKey()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}
