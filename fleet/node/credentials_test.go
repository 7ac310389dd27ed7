package node

import (
	"bytes"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/loopback"
)

// startServer starts a NATS server with JetStream, if store is a folder, and a password, if it
// is not empty.
func startServer(t *testing.T, addr, store, password string, change func(*server.Options)) *server.Server {
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	o := &server.Options{Host: host, Port: number, NoLog: true, NoSigs: true, JetStream: store != "", StoreDir: store}
	if password != "" {
		o.Username, o.Password = "hub", password
	}
	if change != nil {
		change(o)
	}
	s, err := server.NewServer(o)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	f := &testFleet{t: t}
	f.until(func() bool { return s.ReadyForConnections(time.Second) })
	return s
}

// TestCredentialsAreRepaired: a hub that NATS refuses, from the start or later, says so, goes on
// trying, and connects once its credentials are accepted. The NATS client alone stops at the
// second refusal.
func TestCredentialsAreRepaired(t *testing.T) {
	for _, fromStart := range []bool{true, false} {
		addr := loopback.Address().String()
		var refused atomic.Int32
		old := startServer(t, addr, "", map[bool]string{true: "other", false: "right"}[fromStart], nil)
		cfg, log := loneConfig(t)
		cfg.NATS = "nats://" + addr
		cfg.Options = []nats.Option{
			nats.UserInfoHandler(func() (string, string) { // is called for each attempt
				refused.Add(1)
				return "hub", "right"
			}),
			nats.CustomReconnectDelay(func(int) time.Duration { return time.Millisecond }),
		}
		n, err := Open(cfg)
		require.NoError(t, err)
		f := &testFleet{t: t}
		if !fromStart {
			f.until(n.connected.Load)
			old.Shutdown()
			old.WaitForShutdown()
			f.until(func() bool { return !n.connected.Load() })
			old = startServer(t, addr, "", "other", nil)
		}
		before := refused.Load()
		f.until(func() bool { return refused.Load() > before+5 || n.bus.conn.IsClosed() })
		require.False(t, n.bus.conn.IsClosed(), "from the start: %v", fromStart)
		f.until(func() bool { return bytes.Contains([]byte(log.String()), []byte("NATS cannot be reached")) })
		f.until(func() bool { return strings.Contains(strings.ToLower(log.String()), "authorization violation") })
		old.Shutdown()
		old.WaitForShutdown()
		startServer(t, addr, "", "right", nil)
		f.until(n.connected.Load)
		require.NoError(t, n.Close())
	}
}

// TestForbiddenSubject: a hub that may not use its subjects says so, once.
func TestForbiddenSubject(t *testing.T) {
	addr := loopback.Address().String()
	startServer(t, addr, "", "", func(o *server.Options) {
		o.Users = []*server.User{{Username: "hub", Password: "right", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Deny: []string{"intentra.>"}},
		}}}
	})
	cfg, log := loneConfig(t)
	cfg.NATS, cfg.Options = "nats://"+addr, []nats.Option{nats.UserInfo("hub", "right")}
	cfg.Heartbeat = time.Millisecond
	n, err := Open(cfg)
	require.NoError(t, err)
	f := &testFleet{t: t}
	warnings := func() int { return bytes.Count([]byte(log.String()), []byte("refuses")) }
	f.until(func() bool { return warnings() > 0 })
	n.refused(nats.ErrPermissionViolation)
	require.NoError(t, n.Close())
	require.Equal(t, 1, warnings())
}
