package node

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// TestTwoHubsWithOneKey: the servers of two hubs that were given one key by mistake connect, so
// that the hubs notice.
func TestTwoHubsWithOneKey(t *testing.T) {
	key, err := intentra.GenerateKey()
	require.NoError(t, err)
	f := openFleet(t, 3, func(i int, c *Config) {
		if i > 0 {
			c.Hub.Transport.Key = key
		}
	})
	f.until(func() bool { return f.nodes[1].Status().Clashes > 0 && f.nodes[2].Status().Clashes > 0 })
	require.Zero(t, f.nodes[0].Status().Clashes)
}

// TestServerName: a server keeps its name with its store, and another store, or another key, has
// another name.
func TestServerName(t *testing.T) {
	e := Embedded{Store: filepath.Join(t.TempDir(), "store")}
	first, err := e.name("key")
	require.NoError(t, err)
	require.Regexp(t, "^key-[A-Z2-7]{8}$", first)
	again, err := e.name("key")
	require.NoError(t, err)
	require.Equal(t, first, again)
	other, err := Embedded{Store: t.TempDir()}.name("key")
	require.NoError(t, err)
	require.NotEqual(t, first, other)
	other, err = e.name("other")
	require.NoError(t, err)
	require.Regexp(t, "^other-", other)

	require.NoError(t, os.Remove(filepath.Join(e.Store, nameFile)))
	require.NoError(t, os.Mkdir(filepath.Join(e.Store, nameFile), 0o700))
	_, err = e.name("key")
	require.Error(t, err)
}

func TestClashesAreReportedNowAndThen(t *testing.T) {
	var c clashes
	for _, step := range []struct {
		total uint64
		now   time.Duration
		due   bool
	}{{0, 1, false}, {1, 2, true}, {2, 3, false}, {2, clashRepeat + 3, false}, {3, clashRepeat + 4, true}} {
		total, due := c.count(step.total, step.now)
		require.Equal(t, step.due, due, "%+v", step)
		require.Equal(t, step.total, total)
	}
}
