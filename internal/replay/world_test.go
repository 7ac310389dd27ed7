package replay_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// world is a simulated world whose nodes are recorded.
type world struct {
	*sim.World
	t     testing.TB
	nodes []*node
}

// node is a recorded node.
type node struct {
	*sim.Node
	recordingFiles
	t        testing.TB
	core     *journal.Core
	writer   *journal.Writer
	identity conn.Identity
	peers    []*conn.Peer // in the order in which they were dialled or came up

	full      bool // there is no room for Reliable messages
	refuses   bool // Deliver returns false
	onMessage func(p *conn.Peer, pk *pipeline.Packet)
	delivered int
}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{World: sim.New(seed), t: t}
	w.SetDefault(sim.Link{Delay: time.Millisecond})
	w.DriveWith(w.record)
	return w
}

// record opens a recorded endpoint for the node that is being added.
func (w *world) record(_ *sim.Node, cfg conn.Config) (sim.Driver, *conn.Endpoint, error) {
	n := w.nodes[len(w.nodes)-1]
	deliver := cfg.Deliver
	cfg.Deliver = func(p *conn.Peer, pk *pipeline.Packet) bool {
		n.delivered++
		taken := deliver(p, pk)
		if n.onMessage != nil {
			n.onMessage(p, pk)
		}
		return taken && !n.refuses
	}
	n.writer = journal.NewWriter(&n.capture, &n.keys)
	core, err := journal.New(cfg, n.writer, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC).UnixNano())
	if err != nil {
		return nil, nil, err
	}
	n.core = core
	return core, core.Endpoint, nil
}

func (w *world) newIdentity() conn.Identity {
	var private [conn.KeySize]byte
	for i := range private {
		private[i] = byte(w.Rand().Uint64())
	}
	identity, err := conn.NewIdentity(private)
	require.NoError(w.t, err)
	return identity
}

// node adds a node at 10.0.0.x, port x, where x counts from one.
func (w *world) node(c intentra.Config) *node {
	x := byte(len(w.nodes) + 1)
	n := &node{t: w.t, identity: w.newIdentity()}
	w.nodes = append(w.nodes, n)
	c.Key = n.identity.Private()
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, x}), uint16(x))
	var err error
	n.Node, err = w.World.Node(fmt.Sprint(x), addr, c)
	require.NoError(w.t, err)
	n.Room = func(intentra.PublicKey) bool { return !n.full }
	n.OnEvent = func(ev sim.Event) {
		if p := n.core.Peer(ev.Peer); p != nil && ev.Kind == conn.PeerUp {
			n.know(p)
		}
	}
	require.NoError(w.t, n.core.Begin(addr))
	return n
}

func (n *node) know(p *conn.Peer) {
	if !slices.Contains(n.peers, p) {
		n.peers = append(n.peers, p)
	}
}

// call calls f with the recorded core, at once or, in a callback of the node,
// after it.
func (n *node) call(f func(c *journal.Core, now pipeline.Time)) {
	n.Do(func(_ *conn.Endpoint, now pipeline.Time) { f(n.core, now) })
}

// dial makes n dial other with the identity as, and returns the peer.
func (n *node) dial(other *node, as conn.Identity) (p *conn.Peer) {
	n.call(func(c *journal.Core, now pipeline.Time) {
		var err error
		p, err = c.DialAs(as, other.Key(), now)
		require.NoError(n.t, err)
		n.know(p)
	})
	return p
}

// push queues a message for p.
func (n *node) push(p *conn.Peer, channel uint32, intent pipeline.Intent, payload []byte) conn.PushResult {
	r, wake := p.Push(&conn.Message{Channel: channel, Intent: intent, Payload: payload})
	if wake {
		n.call(func(c *journal.Core, _ pipeline.Time) { c.MarkReady(p) })
	}
	return r
}

// closePeer ends n's session with p.
func (n *node) closePeer(p *conn.Peer) {
	n.call(func(c *journal.Core, now pipeline.Time) { c.ClosePeer(p, wire.CloseNormal, now) })
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	w.t.Helper()
	require.NoError(w.t, w.Run(d))
}

// end closes all nodes and ends their recordings.
func (w *world) end() {
	for _, n := range w.nodes {
		n.Close()
		n.core.Finish()
		require.NoError(w.t, n.writer.Close())
	}
}

// requireSame replays every recording and requires that nothing differs.
func (w *world) requireSame(o replay.Options) {
	w.t.Helper()
	for i, n := range w.nodes {
		res, differences := n.replay(w.t, o)
		require.Empty(w.t, differences, "node %d", i)
		require.True(w.t, res.Journal && res.Whole && res.Same())
		require.Equal(w.t, n.received(), res.Received)
		require.Equal(w.t, n.delivered, res.Delivered)
	}
}

// received returns how many datagrams n has received.
func (n *node) received() int {
	in, _ := n.Counts()
	return int(in.Packets.In)
}

// totals returns the counters of n's chains by name.
func (n *node) totals() map[string]uint64 {
	in, out := n.Counts()
	res := replay.Result{Inbound: in, Outbound: out}
	return res.Totals()
}

// pair adds two nodes, connected because the first has dialled the second.
func pair(w *world, a, b intentra.Config) (dialer, listener *node, p *conn.Peer) {
	w.t.Helper()
	if b.Authorize == nil {
		b.Authorize = intentra.AllowAny
	}
	dialer, listener = w.node(a), w.node(b)
	p = dialer.dial(listener, dialer.identity)
	w.Until(100*time.Millisecond, func() bool { return p.Connected() && len(listener.peers) > 0 })
	require.True(w.t, p.Connected())
	return dialer, listener, p
}

// states returns the listener of a pair that has received n Realtime messages, one
// in each packet.
func states(t testing.TB, n int) *node {
	w := newWorld(t, 1)
	a, b, p := pair(w, intentra.Config{}, intentra.Config{})
	for i := range n {
		a.push(p, 1, intentra.Realtime, number(i))
		w.run(2 * time.Millisecond)
	}
	w.run(300 * time.Millisecond)
	w.end()
	require.Equal(t, n, b.delivered)
	return b
}

// fixed returns a generator that is the same in each run.
func fixed() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// number returns i as a payload.
func number(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }
