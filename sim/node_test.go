package sim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/recording"
	"github.com/intentra/intentra/stages"
)

func TestNodeErrors(t *testing.T) {
	w := New(1)
	taken, err := w.Node("taken", netip.MustParseAddrPort("10.1.1.1:1"), intentra.Config{})
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		name string
		addr string
		cfg  intentra.Config
		want string
	}{
		"no name":      {"", "10.0.0.2:1", intentra.Config{}, "name"},
		"name":         {"taken", "10.0.0.2:1", intentra.Config{}, "name"},
		"address":      {"x", "[::ffff:10.1.1.1]:1", intentra.Config{}, "the address of taken"},
		"Socket":       {"x", "10.0.0.2:1", socketConfig(), "Socket"},
		"Record":       {"x", "10.0.0.2:1", intentra.Config{Record: new(recording.Writer)}, "World.Record"},
		"ReceiveQueue": {"x", "10.0.0.2:1", intentra.Config{ReceiveQueue: 5}, "Node.Room"},
		"validation":   {"x", "10.0.0.2:1", intentra.Config{Strikes: -1}, "Strikes"},
		"stages": {"x", "10.0.0.2:1", intentra.Config{Stages: func(s *stages.Set) error {
			s.Remove("aead")
			return nil
		}}, "aead"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Node(tc.name, netip.MustParseAddrPort(tc.addr), tc.cfg)
			require.ErrorContains(t, err, tc.want)
			if name != "stages" {
				require.ErrorIs(t, err, intentra.ErrConfig)
			}
		})
	}
	require.Equal(t, []*Node{taken}, w.Nodes())
	require.Equal(t, taken, w.Named("taken"))
	require.Nil(t, w.Named("x"))
	require.Equal(t, w, taken.World())
}

func socketConfig() (c intentra.Config) {
	c.Socket.Portable = true
	return c
}

// The key of a node depends on its name and the seed.
func TestNodeKeys(t *testing.T) {
	key := func(seed uint64, name string) intentra.PublicKey { return New(seed).node(t, name).Key() }
	require.Equal(t, key(1, "a"), key(1, "a"))
	require.NotEqual(t, key(1, "a"), key(1, "b"))
	require.NotEqual(t, key(1, "a"), key(2, "a"))
	own := intentra.PrivateKey{1, 2, 3}
	require.Equal(t, own.Public(), New(1).node(t, "a", intentra.Config{Key: own}).Key())
}

func TestNodeAddresses(t *testing.T) {
	w := New(1)
	_, err := w.Node("taken", netip.MustParseAddrPort("10.0.0.2:4000"), intentra.Config{})
	require.NoError(t, err)
	require.Equal(t, "10.0.0.3:4000", w.node(t, "x").Addr().String())
	require.Equal(t, "10.0.1.0:4000", w.address(255).String())
}

// A failed restart leaves the node down.
func TestRestartFails(t *testing.T) {
	w := New(1)
	bad := false
	n := w.node(t, "a", intentra.Config{Stages: func(s *stages.Set) error {
		if bad {
			s.InsertAfter("nothing", pipeline.Func("x", nil, nil))
		}
		return nil
	}})
	bad = true
	require.ErrorContains(t, n.Restart(), "restarting a")
	require.False(t, n.Running())
	require.NoError(t, w.Run(time.Second))
	bad = false
	require.NoError(t, n.Restart())
	require.True(t, n.Running())
}

func TestEventsAreBounded(t *testing.T) {
	n := New(1).node(t, "a")
	for i := range keptEvents + 10 {
		n.hear(Event{At: pipeline.Time(i), Kind: 1})
	}
	all := n.Events()
	require.Len(t, all, keptEvents)
	require.EqualValues(t, 10, all[0].At)
	require.EqualValues(t, keptEvents+9, all[keptEvents-1].At)
	require.Equal(t, keptEvents+10, n.Heard(1))
	ev, _ := n.LastEvent(1)
	require.EqualValues(t, keptEvents+9, ev.At)
	require.Equal(t, "unknown", Event{Kind: 99}.String())
}
