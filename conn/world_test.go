package conn_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/keyledger"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// world is a simulated network whose errors fail the test, and whose endpoints
// are checked for reused keys and counters.
type world struct {
	*sim.World
	t       testing.TB
	nodes   []*node
	running bool

	// tap sees each datagram that a node sends, and drops it by returning
	// false. data is valid until it returns.
	tap    func(from, to netip.AddrPort, data []byte) bool
	counts []map[wire.PacketType]int // see kinds
	link   sim.Link                  // see setLink

	// ledger sees each key and counter that any node seals with; a fault fails
	// the test. It observes the nodes that are made while it is set.
	ledger *keyledger.Ledger
	data   uint64 // data packets that the nodes have sent
}

// newWorld makes an empty world, and logs its seed if the test fails.
func newWorld(t testing.TB, seed uint64) *world {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	w := &world{World: sim.New(seed), t: noHelper{t}}
	w.setLink(sim.Link{Delay: 5 * time.Millisecond})
	w.Tap(w.see)
	if _, benchmark := t.(*testing.B); !benchmark {
		ledger := keyledger.New()
		w.ledger = ledger
		t.Cleanup(func() { assert.Empty(t, ledger.Faults()) })
	}
	return w
}

// noHelper skips the walk up the stack with which testify begins each assertion.
// It prints a trace of its own, and the walk took a quarter of the time of
// fuzzing.
type noHelper struct{ testing.TB }

func (noHelper) Helper() {}

func (w *world) see(d sim.Datagram) sim.Action {
	if t, _, ok := wire.Peek(d.Data); ok && t == wire.TypeData {
		w.data++
	}
	for _, c := range w.counts {
		c[d.Type()]++
	}
	return sim.Action{Drop: w.tap != nil && !w.tap(d.From, d.To, d.Data)}
}

// kinds counts by type the datagrams that the nodes send from now on, including
// those that tap drops.
func (w *world) kinds() map[wire.PacketType]int {
	c := map[wire.PacketType]int{}
	w.counts = append(w.counts, c)
	return c
}

// setLink sets the link between all nodes.
func (w *world) setLink(l sim.Link) {
	w.link = l
	w.SetDefault(l)
}

// cut cuts the link between all nodes, or restores it.
func (w *world) cut(cut bool) {
	w.link.Cut = cut
	w.SetDefault(w.link)
}

// run lets d pass.
func (w *world) run(d time.Duration) { w.until(d, nil) }

// until runs until done, at most d, and returns how long that took.
func (w *world) until(d time.Duration, done func() bool) time.Duration {
	w.running = true
	took, _ := w.Until(d, done)
	w.running = false
	if err := w.Err(); err != nil {
		require.NoError(w.t, err)
	}
	return took
}

// await runs until done, and fails the test if that takes longer than d.
func (w *world) await(d time.Duration, done func() bool) time.Duration {
	took := w.until(d, done)
	if !done() {
		require.Fail(w.t, "condition does not hold in time", "after %v", d)
	}
	return took
}

// seeds runs a test with n seeds, as subtests named after them; with -short with
// a tenth of them, as under the race detector, to which a simulation, a single
// goroutine, has nothing to show.
func seeds(t *testing.T, n uint64, f func(t *testing.T, seed uint64)) {
	if testing.Short() || race.Enabled {
		n = (n + 9) / 10
	}
	for seed := range n {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { f(t, seed) })
	}
}

// node is a simulated node that keeps what its endpoint delivers and reports.
type node struct {
	*sim.Node
	w      *world
	id     conn.Identity
	got    []message   // since it was started
	events []sim.Event // since it was started
	full   bool        // it has no room for Reliable messages
	onGot  func(message)
}

type message struct {
	at      pipeline.Time
	from    *conn.Peer
	channel uint32
	intent  pipeline.Intent
	payload string
}

// node makes a node with an address of its own.
func (w *world) node(change ...func(*conn.Config)) *node {
	return w.nodeAt(netip.AddrPort{}, w.newIdentity(), change...)
}

func (w *world) newIdentity() conn.Identity {
	var private [conn.KeySize]byte
	for i := range private {
		private[i] = byte(w.Rand().Uint64())
	}
	id, err := conn.NewIdentity(private)
	require.NoError(w.t, err)
	return id
}

func (w *world) nodeAt(addr netip.AddrPort, id conn.Identity, change ...func(*conn.Config)) *node {
	n := &node{w: w, id: id}
	// Without a search for a larger datagram, all datagrams are of one size.
	cfg := conn.Config{MaxDatagram: conn.AcceptedDatagram, Identity: id, Authorize: func(context.Context, conn.Handshake) bool { return true }, Deliver: n.deliver}
	for _, c := range change {
		c(&cfg)
	}
	name := fmt.Sprintf("n%d", len(w.nodes)+1)
	w.observe(&cfg, name)
	var err error
	n.Node, err = w.CoreNode(name, addr, cfg)
	require.NoError(w.t, err)
	n.Room = func(intentra.PublicKey) bool { return !n.full }
	n.OnEvent = func(ev sim.Event) { n.events = append(n.events, ev) }
	w.nodes = append(w.nodes, n)
	return n
}

// observe has the ledger see what the processes of the node seal.
func (w *world) observe(cfg *conn.Config, name string) {
	if w.ledger == nil {
		return
	}
	inner, ledger, processes := cfg.Stages, w.ledger, 0
	cfg.Stages = func(s *stages.Set) error {
		processes++
		s.Seal.Observe(ledger.Owner(fmt.Sprintf("%s (process %d)", name, processes)))
		if inner == nil {
			return nil
		}
		return inner(s)
	}
}

func (n *node) deliver(p *conn.Peer, pk *pipeline.Packet) bool {
	m := message{n.w.Now(), p, pk.Channel, pk.Intent, string(pk.Payload())}
	n.got = append(n.got, m)
	if n.onGot != nil {
		n.onGot(m)
	}
	return true
}

// restart kills the node's process and starts another with the same key and
// address.
func (n *node) restart() {
	n.got, n.events = nil, nil
	require.NoError(n.w.t, n.Restart())
}

// turn has everything done that is due now. In a callback it is done anyway,
// once that has returned.
func (n *node) turn() {
	if !n.w.running {
		n.w.run(0)
	}
}

// do calls f with the endpoint, and has everything done that follows from it.
func (n *node) do(f func(e *conn.Endpoint, now pipeline.Time)) {
	n.Do(f)
	n.turn()
}

// dial has n keep connected with other.
func (n *node) dial(other *node) *conn.Peer {
	require.NoError(n.w.t, n.Dial(other.Key()))
	n.turn()
	return n.peer(other)
}

// closePeer has n end its session with other.
func (n *node) closePeer(other *node, reason wire.CloseReason) {
	n.ClosePeer(other.Key(), reason)
	n.turn()
}

// peer returns n's record of other, which must exist.
func (n *node) peer(other *node) *conn.Peer {
	p := n.Endpoint().Peer(other.Key())
	require.NotNil(n.w.t, p)
	return p
}

// up reports whether n has a session with other.
func (n *node) up(other *node) bool { return n.Connected(other.Key()) }

// bothUp reports whether both nodes have a session with each other.
func bothUp(a, b *node) bool { return a.up(b) && b.up(a) }

// sameSession reports whether both nodes have the same session with each other,
// in the same epoch.
func sameSession(a, b *node) bool {
	return bothUp(a, b) && a.session(b).Hash() == b.session(a).Hash()
}

// session returns the session of n with other, which must exist.
func (n *node) session(other *node) *conn.TestSession {
	s := n.Endpoint().SessionOf(n.Endpoint().Peer(other.Key()))
	require.NotNil(n.w.t, s)
	return s
}

// push queues a message and lets n send it.
func (n *node) push(other *node, channel uint32, intent pipeline.Intent, payload string) conn.PushResult {
	o := n.queue(other, channel, intent, payload)
	n.turn()
	return o
}

// queue queues a message, which leaves with n's next turn. Unlike Node.Send it
// does not look at the length.
func (n *node) queue(other *node, channel uint32, intent pipeline.Intent, payload string) conn.PushResult {
	return n.queueTo(n.peer(other), channel, intent, payload)
}

func (n *node) queueTo(p *conn.Peer, channel uint32, intent pipeline.Intent, payload string) conn.PushResult {
	o, wake := p.Push(&conn.Message{Channel: channel, Intent: intent, Payload: []byte(payload)})
	if wake {
		n.Do(func(e *conn.Endpoint, _ pipeline.Time) { e.MarkReady(p) })
	}
	return o
}

// sendFrames has n send other a well-sealed packet of any frames, as a malicious
// peer may, and gives it time to arrive.
func (n *node) sendFrames(other *node, frames []byte) {
	n.do(func(_ *conn.Endpoint, now pipeline.Time) {
		require.True(n.w.t, n.session(other).SendFrames(frames, now))
	})
	n.w.run(10 * time.Millisecond)
}

// count returns how many events of the kind n has had since it was started.
func (n *node) count(kind conn.EventKind) (c int) {
	for _, ev := range n.events {
		if ev.Kind == kind {
			c++
		}
	}
	return c
}

// last returns the last event of the kind, which must exist.
func (n *node) last(kind conn.EventKind) sim.Event {
	ev, ok := n.LastEvent(kind)
	require.True(n.w.t, ok, "no event of kind %d", kind)
	return ev
}

// drops returns how many packets and messages n's inbound chain has dropped for
// a reason, written stage/reason.
func (n *node) drops(reason string) uint64 {
	stage, reason, _ := strings.Cut(reason, "/")
	return n.Drops(stage, reason)
}

// pair makes two nodes, the first of which has dialled the second.
func (w *world) pair(change ...func(*conn.Config)) (a, b *node) {
	a, b = w.node(change...), w.node(change...)
	a.dial(b)
	w.await(5*time.Second, func() bool { return bothUp(a, b) })
	return a, b
}

// number writes i as a payload of at least size bytes.
func number(i, size int) string { return fmt.Sprintf("%0*d", size, i) }

// checkAll checks the invariants of every node; no job may be out.
func (w *world) checkAll() {
	for _, n := range w.nodes {
		n.Endpoint().CheckInvariants(w.t, n.Now())
	}
}

// closeAll closes every node in good order, and checks that nothing is left
// behind.
func (w *world) closeAll() {
	for _, n := range w.nodes {
		for more := n.Running(); more; {
			n.do(func(e *conn.Endpoint, now pipeline.Time) { more = e.Close(wire.CloseShutdown, now) })
		}
	}
	w.run(2 * time.Minute)
	for _, n := range w.nodes {
		if n.Running() {
			n.Endpoint().CheckInvariants(w.t, n.Now())
			n.Endpoint().CheckEmpty(w.t)
		}
	}
}

// addrOf returns an address of 198.51.0.0/16.
func addrOf(i, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), uint16(port))
}

// otherAddr returns an address of 198.51.0.0/16 that addrOf with small numbers
// does not.
func otherAddr(port, i byte) netip.AddrPort { return addrOf(1000+int(i), int(port)) }

// rebind gives the node another address, as a NAT does that has lost the mapping.
func (n *node) rebind(addr netip.AddrPort) { require.NoError(n.w.t, n.Rebind(addr)) }
