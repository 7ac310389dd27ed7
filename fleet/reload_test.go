package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/node"
	"github.com/intentra/intentra/hub"
)

// TestReplaceAccess: the access file replaces the list, also of a hub alone, and a private key
// file in its place changes nothing.
func TestReplaceAccess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access")
	key, err := intentra.GenerateKey()
	require.NoError(t, err)
	robot, err := intentra.GenerateKey()
	require.NoError(t, err)
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write(robot.Public().String() + " robot until=2000-01-01\n" + key.Public().String() + " other\n")
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	c := &hubCommand{Access: file}
	cfg := node.Config{Listen: "127.0.0.1:0", Hub: hub.Config{Transport: intentra.Config{Key: key}}}
	require.NoError(t, c.access(&cfg, key))
	n, err := node.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })

	write(robot.Public().String() + " robot\n")
	c.replace(t.Context(), n, logger)
	require.Empty(t, log.String())
	tr := n.Hub().Transport()
	client, err := hub.Dial(t.Context(), tr.LocalAddr().String(), tr.PublicKey(), hub.ClientConfig{Transport: intentra.Config{Key: robot}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })

	write(intentra.PublicKey(key).String() + "\n") // as in a private key file
	c.replace(t.Context(), n, logger)
	require.Contains(t, log.String(), "level=ERROR")
	require.Contains(t, log.String(), "private key file")
	require.NoError(t, client.Peer().Err())

	write("# none\n")
	c.replace(t.Context(), n, logger)
	<-client.Peer().Done() // revoked
}
