package node

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/roam"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/loopback"
)

// testFleet is a fleet with servers in one process.
type testFleet struct {
	t     testing.TB
	nodes []*Node
}

// newFleet opens a fleet whose hubs are never lost because the machine is busy, and waits until
// each has heard all others.
func newFleet(t testing.TB, hubs int, change ...func(i int, c *Config)) *testFleet {
	f := openFleet(t, hubs, change...)
	f.until(func() bool {
		for _, n := range f.nodes {
			if n.Status().Stats.Hubs < hubs-1 {
				return false
			}
		}
		return true
	})
	return f
}

func openFleet(t testing.TB, hubs int, change ...func(i int, c *Config)) *testFleet {
	f := &testFleet{t: t}
	var routes []string
	for range hubs {
		routes = append(routes, loopback.Address().String())
	}
	for i := range hubs {
		key, err := intentra.GenerateKey()
		require.NoError(t, err)
		cfg := Config{
			Listen: "127.0.0.1:0", Hub: hub.Config{Transport: intentra.Config{Key: key}, Access: hub.AllowAny()},
			Embedded:  Embedded{Cluster: routes[i], Routes: routes},
			Heartbeat: 50 * time.Millisecond, Lost: time.Minute,
		}
		for _, f := range change {
			f(i, &cfg)
		}
		n, err := Open(cfg)
		require.NoError(t, err)
		t.Cleanup(func() { _ = n.Close() })
		f.nodes = append(f.nodes, n)
	}
	return f
}

// until waits until something has happened, of which nothing notifies the test.
func (f *testFleet) until(done func() bool) {
	f.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-f.t.Context().Done():
			f.t.Fatal("the test has ended")
		}
	}
}

// dial connects a peer to a hub.
func (f *testFleet) dial(n *Node) *hub.Client {
	f.t.Helper()
	key, err := intentra.GenerateKey()
	require.NoError(f.t, err)
	t := n.Hub().Transport()
	c, err := hub.Dial(f.t.Context(), t.LocalAddr().String(), t.PublicKey(), hub.ClientConfig{Transport: intentra.Config{Key: key}})
	require.NoError(f.t, err)
	f.t.Cleanup(func() { _ = c.Close() })
	f.until(func() bool { return c.Name() != "" })
	return c
}

func TestTopicsAcrossHubs(t *testing.T) {
	f := newFleet(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	publisher, subscriber := f.dial(f.nodes[0]), f.dial(f.nodes[1])
	pose, err := publisher.Declare(ctx, hub.Topic{Name: "pose"})
	require.NoError(t, err)
	orders, err := publisher.Declare(ctx, hub.Topic{Name: "orders", Intent: intentra.Reliable})
	require.NoError(t, err)
	require.NoError(t, pose.Send([]byte("first")))
	require.Zero(t, f.nodes[0].Status().UpdatesSent)

	s, err := subscriber.Subscribe(ctx, hub.Subscription{Pattern: publisher.Name() + "/*", Cached: true})
	require.NoError(t, err)
	u, err := s.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, "first", string(u.Payload))
	require.Equal(t, publisher.Name(), u.Publisher.Name)

	f.until(orders.Wanted)
	for i := range 100 {
		require.NoError(t, orders.Send(fmt.Append(nil, i)))
	}
	for i := range 100 {
		u, err := s.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(i), string(u.Payload))
	}
	status := f.nodes[1].Status()
	require.Zero(t, status.LostReliable)
	require.Equal(t, status.Batches.Received, status.Batches.InOrder)

	s.Close()
	f.until(func() bool { return !pose.Wanted() && !orders.Wanted() })
	f.until(func() bool { return f.nodes[1].Status().Wanted == 0 && f.nodes[0].Status().Exported == 0 })
}

// TestAgesAcrossHubs: an update from another hub has an age once both hubs have heard each
// other's echo, and one that is not longer than it has been under way.
func TestAgesAcrossHubs(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	publisher, subscriber := f.dial(f.nodes[0]), f.dial(f.nodes[1])
	pose, err := publisher.Declare(t.Context(), hub.Topic{Name: "pose", Intent: intentra.Realtime, Stamp: true})
	require.NoError(t, err)
	s, err := subscriber.Subscribe(t.Context(), hub.Subscription{Pattern: "*/pose"})
	require.NoError(t, err)
	start := time.Now()
	f.until(func() bool {
		require.NoError(t, pose.Send(binary.AppendVarint(nil, int64(time.Since(start)))))
		u, ok, err := s.Poll()
		require.NoError(t, err)
		if !ok || !u.Stamp {
			return false
		}
		sent, _ := binary.Varint(u.Payload)
		require.LessOrEqual(t, u.Age-u.Within, time.Since(start)-time.Duration(sent))
		require.Positive(t, u.Age+u.Within)
		return true
	})
}

// roamer connects a peer that moves when its hub asks it to, and not because of a silence on a
// busy machine.
func (f *testFleet) roamer() *roam.Client {
	f.t.Helper()
	var hubs []hub.Address
	for _, n := range f.nodes {
		t := n.Hub().Transport()
		hubs = append(hubs, hub.Address{Addr: t.LocalAddr().String(), Key: t.PublicKey()})
	}
	key, err := intentra.GenerateKey()
	require.NoError(f.t, err)
	c, err := roam.Dial(f.t.Context(), hubs, hub.ClientConfig{Transport: intentra.Config{
		Key: key, IdleTimeout: time.Minute, Unanswered: time.Minute,
	}})
	require.NoError(f.t, err)
	f.t.Cleanup(func() { _ = c.Close() })
	f.until(func() bool { return c.Name() != "" })
	return c
}

// at returns the node of a peer.
func (f *testFleet) at(c *roam.Client) *Node {
	for _, n := range f.nodes {
		if n.Hub().Transport().PublicKey() == c.Peer().Key() {
			return n
		}
	}
	f.t.Fatal("the peer is at no hub")
	return nil
}

// TestPeersMove: when a hub is drained, its peers move, publish what is new and receive what
// is new, and no value that they had received before comes again.
func TestPeersMove(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3)
	publisher, subscriber := f.roamer(), f.roamer()
	pose, err := publisher.Declare(t.Context(), hub.Topic{Name: "pose"})
	require.NoError(t, err)
	s, err := subscriber.Subscribe(t.Context(), hub.Subscription{Pattern: publisher.Name() + "/pose", Cached: true})
	require.NoError(t, err)
	value, seen := 0, -1
	next := func() {
		value++
		require.NoError(t, pose.Send(fmt.Append(nil, value)))
		f.until(func() bool {
			u, ok, err := s.Poll()
			require.NoError(t, err)
			if ok {
				got, err := strconv.Atoi(string(u.Payload))
				require.NoError(t, err)
				require.GreaterOrEqual(t, got, seen)
				seen = got
			}
			return seen == value
		})
	}
	next()
	for _, c := range []*roam.Client{publisher, subscriber} {
		n := f.at(c)
		require.NoError(t, n.Drain(t.Context()))
		require.NotEqual(t, n, f.at(c))
		require.Positive(t, c.Moves())
		next()
		n.mu.Lock()
		n.draining = false
		n.member.Drain(false)
		n.mu.Unlock()
		next()
		f.until(func() bool {
			for _, n := range f.nodes {
				for _, h := range n.Status().Hubs {
					if h.Draining {
						return false
					}
				}
			}
			return true
		})
	}
}

// TestMoveByTheProgram: a peer moves when its program wants it to, and stays if it is there.
func TestMoveByTheProgram(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	c := f.roamer()
	to := f.nodes[0]
	if f.at(c) == to {
		to = f.nodes[1]
	}
	for range 2 {
		tr := to.Hub().Transport()
		require.NoError(t, c.Move(t.Context(), hub.Address{Addr: tr.LocalAddr().String(), Key: tr.PublicKey()}))
		f.until(func() bool { return f.at(c) == to })
		require.Equal(t, 1, c.Moves())
	}
	require.NoError(t, c.Close())
	require.ErrorIs(t, c.Move(t.Context(), hub.Address{Addr: "127.0.0.1:1", Key: f.nodes[0].Hub().Transport().PublicKey()}), net.ErrClosed)
	require.Equal(t, 1, c.Moves())
}

// TestAccessListOfTheFleet: a list that one hub stores applies at all, and is copied.
func TestAccessListOfTheFleet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFleet(t, 2, func(i int, c *Config) {
		c.Embedded.Store = filepath.Join(dir, fmt.Sprint("store", i))
		c.AccessFile = filepath.Join(dir, fmt.Sprint("access", i))
	})
	c := f.dial(f.nodes[1])
	other, err := intentra.GenerateKey()
	require.NoError(t, err)
	f.until(func() bool { return f.nodes[0].SetAccess(t.Context(), other.Public().String()+" robot\n") == nil })
	<-c.Peer().Done() // revoked
	f.until(func() bool {
		for i := range 2 {
			a, err := hub.ReadAccess(filepath.Join(dir, fmt.Sprint("access", i)))
			if err != nil || a.Name(other.Public()) != "robot" {
				return false
			}
		}
		return true
	})
	require.Error(t, f.nodes[0].SetAccess(t.Context(), "malformed"))
}

// TestOneKeyAtTwoHubs: the second process with a key replaces the first, which stops.
func TestOneKeyAtTwoHubs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFleet(t, 2, func(i int, c *Config) { c.Embedded.Store = filepath.Join(dir, fmt.Sprint("store", i)) })
	key, err := intentra.GenerateKey()
	require.NoError(t, err)
	dial := func(n *Node) *hub.Client {
		tr := n.Hub().Transport()
		c, err := hub.Dial(t.Context(), tr.LocalAddr().String(), tr.PublicKey(), hub.ClientConfig{Transport: intentra.Config{Key: key}})
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	f.until(func() bool { // until the key-value store is there
		kv, err := f.nodes[0].lists.bucket(t.Context(), f.nodes[0].lists.claims, claimTTL)
		return err == nil && kv != nil
	})
	first := dial(f.nodes[0])
	f.until(func() bool {
		n := f.nodes[0]
		kv, err := n.lists.bucket(t.Context(), n.lists.claims, claimTTL)
		if err != nil {
			return false
		}
		k := key.Public()
		_, err = kv.Get(t.Context(), fmt.Sprintf("%x", k[:]))
		return err == nil
	})
	second := dial(f.nodes[1])
	<-first.Peer().Done()
	require.NoError(t, second.Peer().Err())
	require.EqualValues(t, 1, f.nodes[0].Status().Replaced)
	require.Zero(t, f.nodes[1].Status().Replaced)
}
