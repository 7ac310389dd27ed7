package node

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/loopback"
)

// TestReachWarnings: the first warning comes after patience since the attempt that failed first,
// the next ones a minute apart, and none once an attempt has succeeded.
func TestReachWarnings(t *testing.T) {
	r := reach{patience: reachPatience}
	due := func(now time.Duration) bool {
		_, _, due := r.due(now)
		return due
	}
	require.False(t, due(time.Hour))
	start := time.Hour
	r.fail(start, "first")
	r.fail(start+4*time.Second, "second")
	require.Equal(t, "second", r.fault())
	require.False(t, due(start+5*time.Second-1))
	lasts, cause, _ := r.due(start + 5*time.Second)
	require.Equal(t, 5*time.Second, lasts)
	require.Equal(t, "second", cause)
	require.False(t, due(start+65*time.Second-1))
	require.True(t, due(start+65*time.Second))
	require.True(t, r.succeed())
	require.Empty(t, r.fault())
	require.False(t, due(2*start))
	r.fail(2*start, "third")
	require.False(t, r.succeed(), "no warning")
}

// TestAccessListIsNotReached: a hub that has no access to the list of the fleet says so with the
// cause, from the start and later, until it has.
func TestAccessListIsNotReached(t *testing.T) {
	t.Parallel()
	addr, store := loopback.Address().String(), t.TempDir()
	s := startServer(t, addr, "", "", nil) // without JetStream
	cfg, log := loneConfig(t)
	cfg.NATS = "nats://" + addr
	n, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	f := &testFleet{t: t}
	f.until(func() bool { return strings.Contains(n.Status().AccessFault, "JetStream") })
	const warning = "the access list of the fleet cannot be reached"
	r := &n.lists.accessReach
	r.mu.Lock()
	r.patience, r.warnAt = 0, 0
	r.mu.Unlock()
	f.until(func() bool { return strings.Contains(log.String(), warning) })
	require.Contains(t, log.String(), "level=WARN")

	f.dial(n) // whose session is to be entered
	f.until(func() bool { return n.Status().ClaimsFault != "" })

	s.Shutdown()
	s.WaitForShutdown()
	s = startServer(t, addr, store, "", nil)
	f.until(func() bool { return n.Status().AccessFault == "" && n.Status().ClaimsFault == "" })
	s.Shutdown()
	s.WaitForShutdown()
	f.until(func() bool { return n.Status().AccessFault == "NATS cannot be reached" })
}
