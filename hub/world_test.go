package hub

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// world is a hub and its clients in the simulator.
type world struct {
	t testing.TB
	*sim.World
	hub     *Hub
	hubNode *sim.Node
	hubCfg  Config
	access  string // more lines of the access list
}

func newWorld(t testing.TB, access string, change ...func(*Config)) *world {
	w := &world{t: t, World: sim.New(1), access: access}
	w.Audit()
	w.SetDefault(sim.Link{Delay: 5 * time.Millisecond})
	a, err := ParseAccess(strings.NewReader(access))
	require.NoError(t, err)
	w.hubCfg = Config{Access: a, Clock: w.clock()}
	w.hubCfg.Transport.Key = keyOf("hub")
	for _, f := range change {
		f(&w.hubCfg)
	}
	w.hubNode, err = w.Program("hub", netip.AddrPort{}, func() intentra.Config {
		w.hub, err = New(w.hubCfg)
		require.NoError(t, err)
		w.hub.Attach(w.hubNode)
		return w.hub.Config()
	})
	require.NoError(t, err)
	w.hub.Attach(w.hubNode)
	return w
}

func (w *world) clock() Clock { return Clock{Now: w.Elapsed, After: w.After} }

// keyOf returns the key of a node.
func keyOf(name string) intentra.PrivateKey { return sha256.Sum256([]byte(name)) }

// line returns a line of an access list.
func line(name, options string) string {
	return fmt.Sprintf("%s %s %s\n", keyOf(name).Public(), name, options)
}

// peer is a client and its node.
type peer struct {
	*Client
	w    *world
	node *sim.Node
	seen []Publisher
}

// join adds a client and connects it.
func (w *world) join(name string, change ...func(*ClientConfig)) *peer {
	p := w.add(name, change...)
	p.dial()
	return p
}

// add adds a client.
func (w *world) add(name string, change ...func(*ClientConfig)) *peer {
	p := &peer{w: w}
	var err error
	cfg := ClientConfig{Clock: w.clock(), OnPresence: func(pub Publisher) { p.seen = append(p.seen, pub) }}
	cfg.Transport.Key = keyOf(name)
	for _, f := range change {
		f(&cfg)
	}
	p.node, err = w.Program(name, netip.AddrPort{}, func() intentra.Config {
		p.Client, err = NewClient(cfg)
		require.NoError(w.t, err)
		return p.Client.Config()
	})
	require.NoError(w.t, err)
	return p
}

func (p *peer) dial() {
	require.NoError(p.w.t, p.node.Dial(keyOf("hub").Public()))
	p.w.until(func() bool { return p.Name() != "" })
}

func (w *world) until(done func() bool) {
	w.t.Helper()
	_, ok := w.Until(30*time.Second, done)
	require.NoError(w.t, w.Err())
	require.True(w.t, ok, "not within 30 s of simulated time")
}

func (w *world) pass(d time.Duration) {
	w.t.Helper()
	require.NoError(w.t, w.Run(d))
}

func (p *peer) declare(t Topic) *Publication {
	p.w.t.Helper()
	pub, err := p.DeclareAsync(t)
	require.NoError(p.w.t, err)
	p.w.until(func() bool { return closed(pub.done) })
	return pub
}

func (p *peer) subscribe(s Subscription) *Stream {
	p.w.t.Helper()
	stream, err := p.SubscribeAsync(s)
	require.NoError(p.w.t, err)
	p.w.until(func() bool { return closed(stream.done) })
	p.w.pass(100 * time.Millisecond) // for announcements
	return stream
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// read returns everything that waits, as "path payload" or "path payload cached".
func (s *Stream) read() (all []string) {
	for {
		u, ok, _ := s.Poll()
		if !ok {
			return all
		}
		text := u.Path() + " " + string(u.Payload)
		if u.Cached {
			text += " cached"
		}
		all = append(all, text)
	}
}

func (w *world) parse(list string) *Access {
	a, err := ParseAccess(strings.NewReader(list))
	require.NoError(w.t, err)
	return a
}
