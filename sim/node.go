package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// ErrDown: the node is not running.
var ErrDown = errors.New("sim: the node is not running")

// firstPort is the port of nodes that get their address from the world.
const firstPort = 4000

// Node is a machine with one endpoint, which is a process on it: it may be
// killed and started again. The fields may be set and changed at any time
// between steps and in callbacks.
type Node struct {
	// OnMessage is called for each message, with the key that it is from.
	// Payload is borrowed until it returns.
	OnMessage func(from intentra.PublicKey, m intentra.Message)
	// OnEvent is called for each event.
	OnEvent func(ev Event)
	// Room says whether there is room for one more Reliable message of the
	// peer: false is a reader that does not keep up. Nil is always true.
	Room func(from intentra.PublicKey) bool
	// JobDelay is how long the handshake worker takes for each job, one at a
	// time. With zero they are done at once.
	JobDelay time.Duration
	// OnJob is called with each job of the handshake worker after it has run
	// and before the endpoint gets its result.
	OnJob func(j *conn.Job)

	w      *World
	name   string
	number int // from zero, in the order of making
	key    intentra.PublicKey
	cfg    conn.Config // without what belongs to a process
	addr   netip.AddrPort
	book   map[intentra.PublicKey]netip.AddrPort // overrides the world's
	group  int                                   // in a partition, from one
	wishes []intentra.PublicKey                  // whom the process keeps dialling

	proc   *process // the latest
	lives  int      // processes so far
	paused bool
	clock  clock

	due   pipeline.Time // the next turn, if place is not zero
	place int           // in World.turns, from one
	step  uint64        // the last in which it did something
	turn  uint64        // the last in which it had a turn

	past      past
	events    eventLog
	delivered uint64
}

// Node makes a node and starts its endpoint. Its name, which must be its own,
// is what its randomness depends on, beside the seed. A zero addr stands for
// one of 10.0.0.0/8.
//
// cfg is what Listen would take, with these differences: without a Key the node
// gets one from the seed; Handler, OnPeer, Socket and Record must not be set, see
// Node.OnMessage and Node.OnEvent; there is no ReceiveQueue. Stages is called
// for each process anew, and should then make new stages, as those have state.
// The error is intentra.ErrConfig, or what building the chains has given.
func (w *World) Node(name string, addr netip.AddrPort, cfg intentra.Config) (*Node, error) {
	switch {
	case cfg.Handler != nil || cfg.OnPeer != nil:
		return nil, fmt.Errorf("%w: a node has OnMessage and OnEvent instead of Handler and OnPeer", intentra.ErrConfig)
	case cfg.Socket != intentra.Config{}.Socket:
		return nil, fmt.Errorf("%w: a node has no Socket", intentra.ErrConfig)
	case cfg.ReceiveQueue != 0:
		return nil, fmt.Errorf("%w: a node has no ReceiveQueue; see Node.Room", intentra.ErrConfig)
	case cfg.Record != nil:
		return nil, fmt.Errorf("%w: a node has no Record; see World.Record", intentra.ErrConfig)
	}
	if cfg.Key == (intentra.PrivateKey{}) {
		_, _ = w.stream("key", name).Read(cfg.Key[:])
	}
	core, err := cfg.Core()
	if err != nil {
		return nil, err
	}
	return w.CoreNode(name, addr, core)
}

// CoreNode is Node for a configuration of the core, for tests of package conn.
// cfg.Identity must be set. If cfg.Rand is nil, each process has randomness of its
// own from the seed. cfg.Deliver, if set, is called with each message after
// OnMessage; Room and Touched are the node's.
func (w *World) CoreNode(name string, addr netip.AddrPort, cfg conn.Config) (*Node, error) {
	addr = unmapped(addr)
	if !addr.IsValid() {
		addr = w.address(len(w.nodes))
	}
	switch {
	case name == "" || w.byName[name] != nil:
		return nil, fmt.Errorf("%w: the name %q is empty or taken", intentra.ErrConfig, name)
	case w.byAddr[addr] != nil:
		return nil, fmt.Errorf("%w: %v is the address of %s", intentra.ErrConfig, addr, w.byAddr[addr].name)
	}
	n := &Node{w: w, name: name, number: len(w.nodes), key: cfg.Identity.Public(), cfg: cfg.WithDefaults(), addr: addr}
	if err := n.start(); err != nil {
		return nil, err
	}
	w.nodes = append(w.nodes, n)
	w.byName[name], w.byAddr[addr], w.byKey[n.key] = n, n, n
	return n, nil
}

// address returns the next address that nobody has.
func (w *World) address(i int) netip.AddrPort {
	for i++; ; i++ {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), firstPort)
		if w.byAddr[a] == nil {
			return a
		}
	}
}

// Name returns the node's name.
func (n *Node) Name() string { return n.name }

func (n *Node) nameOrNobody() string {
	if n == nil {
		return ""
	}
	return n.name
}

// Key returns the node's identity.
func (n *Node) Key() intentra.PublicKey { return n.key }

// Addr returns the address that the node has now.
func (n *Node) Addr() netip.AddrPort { return n.addr }

// World returns the world that the node is in.
func (n *Node) World() *World { return n.w }

// Endpoint returns the endpoint of the latest process, to be looked at. To
// change anything use Do.
func (n *Node) Endpoint() *conn.Endpoint { return n.proc.ep }

// Do calls f with the endpoint and the node's own time, and has the node take a
// turn. That is at once, unless the call comes from a callback of the same
// node or the node is paused; then it is done when that is over. A node that is
// down does nothing.
func (n *Node) Do(f func(e *conn.Endpoint, now pipeline.Time)) {
	need(f != nil, "Do", "a function")
	n.proc.do(func(_ Driver, now pipeline.Time) { f(n.proc.ep, now) })
}
