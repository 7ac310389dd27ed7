package node

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/loopback"
)

// copiedList is the configuration of a hub whose copy of the access list allows one key and was
// confirmed an hour ago, with NATS at addr.
func copiedList(t *testing.T, addr string) (Config, intentra.PrivateKey, *lockedBuffer) {
	robot, err := intentra.GenerateKey()
	require.NoError(t, err)
	cfg, log := loneConfig(t)
	cfg.NATS, cfg.AccessFile = "nats://"+addr, filepath.Join(t.TempDir(), "access")
	require.NoError(t, os.WriteFile(cfg.AccessFile, []byte(robot.Public().String()+" robot\n"), 0o600))
	past := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(cfg.AccessFile, past, past))
	cfg.Hub.Access, err = hub.ReadAccess(cfg.AccessFile)
	require.NoError(t, err)
	return cfg, robot, log
}

// revokeAll stores an empty access list, as another hub does.
func revokeAll(t *testing.T, addr string) {
	conn, err := nats.Connect("nats://" + addr)
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	f := &testFleet{t: t}
	var kv jetstream.KeyValue
	f.until(func() bool { // JetStream may be starting
		kv, err = js.CreateOrUpdateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "intentra-access-default", History: 1, MaxValueSize: 1 << 20})
		return err == nil
	})
	_, err = kv.PutString(t.Context(), accessKey, "# none\n")
	require.NoError(t, err)
}

// TestRevokedWhileDown: a hub that starts again has the list of the store before it listens, so
// that a key that was revoked while it was down does not get in.
func TestRevokedWhileDown(t *testing.T) {
	t.Parallel()
	addr := loopback.Address().String()
	startServer(t, addr, t.TempDir(), "", nil)
	revokeAll(t, addr)
	cfg, robot, log := copiedList(t, addr)
	cfg.AccessWait = time.Minute
	n, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	require.NotZero(t, n.access.Load(), "known before the hub listened")
	require.NotContains(t, log.String(), "admitted by the copy")
	text, err := os.ReadFile(cfg.AccessFile)
	require.NoError(t, err)
	require.Equal(t, "# none\n", string(text))
	require.False(t, n.cfg.Hub.Access.Allows(robot.Public(), time.Now()), "the list with which the hub started")
}

// TestCopyInUse: a hub that does not reach the store admits peers by its copy, says so with the
// age of the copy, and applies the list of the store once it is there.
func TestCopyInUse(t *testing.T) {
	t.Parallel()
	addr, store := loopback.Address().String(), t.TempDir()
	cfg, robot, log := copiedList(t, addr)
	cfg.AccessWait = time.Millisecond
	n, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	require.Contains(t, log.String(), "admitted by the copy")
	require.Contains(t, log.String(), "age=1h0m")
	require.GreaterOrEqual(t, n.Status().AccessAge, time.Hour)
	tr := n.Hub().Transport()
	c, err := hub.Dial(t.Context(), tr.LocalAddr().String(), tr.PublicKey(), hub.ClientConfig{Transport: intentra.Config{Key: robot}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })

	startServer(t, addr, store, "", nil)
	revokeAll(t, addr)
	<-c.Peer().Done()
	f := &testFleet{t: t}
	f.until(func() bool { return n.Status().AccessFault == "" })
	require.Zero(t, n.Status().AccessAge)
}

// TestCopyAge: the time of the file follows the store at most once a minute, and clocks that go
// back make no age negative.
func TestCopyAge(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access")
	var c copyAge
	_, known := c.age(time.Now())
	require.False(t, known)
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	now := time.Now().Truncate(time.Second).Add(-time.Hour)
	require.NoError(t, os.Chtimes(file, now, now))
	c.begin(file)
	age := func(now time.Time) time.Duration {
		age, known := c.age(now)
		require.True(t, known)
		return age
	}
	require.Equal(t, time.Minute, age(now.Add(time.Minute)))
	require.Zero(t, age(now.Add(-time.Minute)))
	onDisk := func() time.Time {
		info, err := os.Stat(file)
		require.NoError(t, err)
		return info.ModTime()
	}
	first := now.Add(2 * time.Minute)
	c.confirm(first)
	require.Zero(t, age(first))
	require.True(t, onDisk().Equal(first))
	c.confirm(first.Add(confirmEvery - 1))
	require.True(t, onDisk().Equal(first))
	c.confirm(first.Add(confirmEvery))
	require.True(t, onDisk().Equal(first.Add(confirmEvery)))
}
