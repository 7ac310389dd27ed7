package node

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/loopback"
)

// TestRevokedWithoutStore: a list that cannot be stored applies at its hub at once, and the list
// that is stored does not replace it there when it comes again.
func TestRevokedWithoutStore(t *testing.T) {
	addr := loopback.Address().String()
	s := startServer(t, addr, t.TempDir(), "", nil)
	cfg, log := loneConfig(t)
	cfg.NATS = "nats://" + addr
	n, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	f := &testFleet{t: t}
	key, err := intentra.GenerateKey()
	require.NoError(t, err)
	text := key.Public().String() + " robot\n"
	f.until(func() bool { return n.SetAccess(t.Context(), text) == nil })
	f.until(func() bool { return n.Status().Access > 0 })
	tr := n.Hub().Transport()
	c, err := hub.Dial(t.Context(), tr.LocalAddr().String(), tr.PublicKey(), hub.ClientConfig{Transport: intentra.Config{Key: key}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })

	s.Shutdown()
	s.WaitForShutdown()
	ended, cancel := context.WithCancel(t.Context())
	cancel() // as after the time for an answer
	require.ErrorContains(t, n.SetAccess(ended, "# none\n"), "other hubs still have the old list")
	<-c.Peer().Done() // revoked
	require.Equal(t, 1, strings.Count(log.String(), "so no peer may connect"))
	taken := func() int { return bytes.Count([]byte(log.String()), []byte("access list from NATS")) }
	before := taken()
	require.NoError(t, n.Close()) // its watcher has ended
	n.lists.take([]byte(text), n.access.Load())
	require.Equal(t, before, taken())
}

// TestAccessWarnings: a hub warns of a list that lets no peer connect, at its start and later.
func TestAccessWarnings(t *testing.T) {
	cfg, log := loneConfig(t)
	a, err := hub.ParseAccess(strings.NewReader(""))
	require.NoError(t, err)
	cfg.Hub.Access = a
	n, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	warnings := func() int { return strings.Count(log.String(), "so no peer may connect") }
	require.Equal(t, 1, warnings())
	require.NoError(t, n.SetAccess(t.Context(), ""))
	require.Equal(t, 2, warnings())
}

// TestNoLeader: a bucket on several servers without a leader cannot be used, although the servers
// that are left answer. One on a single server names no replicas.
func TestNoLeader(t *testing.T) {
	info := &jetstream.StreamInfo{State: jetstream.StreamState{LastSeq: 7}}
	for _, step := range []struct {
		cluster *jetstream.ClusterInfo
		err     error
	}{
		{nil, nil},
		{&jetstream.ClusterInfo{}, nil},
		{&jetstream.ClusterInfo{Leader: "a", Replicas: []*jetstream.PeerInfo{{Name: "b"}}}, nil},
		{&jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{{Name: "a"}, {Name: "b"}}}, errNoLeader},
	} {
		info.Cluster = step.cluster
		last, err := led(info)
		require.ErrorIs(t, err, step.err)
		if step.err == nil {
			require.EqualValues(t, 7, last)
		}
	}
}

// TestListOfASilentWatcher: a hub that watches in vain asks for the list, and gets one that is
// newer than its own.
func TestListOfASilentWatcher(t *testing.T) {
	t.Parallel()
	addr := loopback.Address().String()
	startServer(t, addr, t.TempDir(), "", nil)
	cfg, _ := loneConfig(t)
	cfg.NATS, cfg.Fleet = "nats://"+addr, "other"
	n, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	revokeAll(t, addr)
	l, err := newLists(n, n.bus.conn)
	require.NoError(t, err)
	l.access = "intentra-access-default" // which the node does not watch
	kv, err := l.bucket(t.Context(), l.access, 0)
	require.NoError(t, err)
	e := l.check(t.Context(), kv)
	require.NotNil(t, e)
	require.Equal(t, "# none\n", string(e.Value()))
	l.take(e.Value(), e.Revision())
	require.Nil(t, l.check(t.Context(), kv))
}
