package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/heap"
	"github.com/intentra/intentra/pipeline"
)

// ErrDown is returned for a node that is not running.
var ErrDown = errors.New("sim: the node is not running")

// firstPort is the port of addresses that the world assigns.
const firstPort = 4000

// Node is a machine with one endpoint, in a process that may be killed and
// restarted. The fields may be changed at any time between steps and in
// callbacks.
type Node struct {
	// OnMessage is called for each message, with the key of its sender. The
	// payload is valid until it returns.
	OnMessage func(from intentra.PublicKey, m intentra.Message)
	// OnEvent is called for each event.
	OnEvent func(ev Event)
	// Room reports whether the user has room for one more Reliable message of the
	// peer. Nil means always.
	Room func(from intentra.PublicKey) bool
	// JobDelay is the time that the handshake worker takes for each job, one
	// after the other. With zero, jobs are done at once.
	JobDelay time.Duration
	// SendBuffer is the size of the socket's send buffer in bytes, zero for unlimited.
	// Datagrams that wait in the queue of any link from the node occupy it, as in a
	// kernel. While it is full, the node sends nothing.
	SendBuffer int
	// LookupDelay is the time that the node takes to resolve the name of a peer. With
	// zero the addresses come at once.
	LookupDelay time.Duration
	// OnJob is called with each job of the handshake worker, after it has run and
	// before the endpoint gets its result.
	OnJob func(j *conn.Job)

	w        *World
	name     string
	number   int // from zero, in order of creation
	key      intentra.PublicKey
	cfg      conn.Config // without the fields of a process
	addr     netip.AddrPort
	further  []netip.Addr           // further addresses, with the port of addr
	wildcard bool                   // it has or had several addresses; see AddAddr
	program  func() intentra.Config // returns Handler and OnPeer of a process
	book     book                   // overrides the world's
	group    int                    // in a partition, from one
	wishes   []intentra.PublicKey   // peers that the process dials

	proc   *process // the latest one
	lives  int      // processes so far
	paused bool
	clock  clock

	inTurns heap.Node[*Node] // its place in World.turns
	step    uint64           // the last step in which the endpoint was called
	turn    uint64           // the last step in which it had a turn

	past      past
	events    eventLog
	delivered uint64
}

// Node makes a node and starts its endpoint. The name must be unique; the node's
// randomness depends on it and the seed. A zero addr means an unused address of
// 10.0.0.0/8.
//
// cfg is that of intentra.Listen, with these differences: without a Key the node
// gets one from the seed; Socket and Record must not be set; there is no
// ReceiveQueue. Stages is called for each process and should make new stages, as
// stages have state. Handler and OnPeer are those of each process; see Program for
// an application that loses its state with its process. The error is
// intentra.ErrConfig, or that of building the chains.
func (w *World) Node(name string, addr netip.AddrPort, cfg intentra.Config) (*Node, error) {
	w.checked()
	switch {
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
	return w.coreNode(name, addr, core, func() intentra.Config { return cfg })
}

// CoreNode is Node with a configuration of the core, for tests of package conn.
// cfg.Identity must be set. If cfg.Rand is nil, each process has randomness of
// its own from the seed. cfg.Deliver, if set, is called with each message after
// OnMessage. The node sets Room and Touched itself.
func (w *World) CoreNode(name string, addr netip.AddrPort, cfg conn.Config) (*Node, error) {
	w.checked()
	return w.coreNode(name, addr, cfg, func() intentra.Config { return intentra.Config{} })
}

func (w *World) coreNode(name string, addr netip.AddrPort, cfg conn.Config, program func() intentra.Config) (*Node, error) {
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
	n := &Node{w: w, name: name, number: len(w.nodes), key: cfg.Identity.Public(), cfg: cfg.WithDefaults(), addr: addr, program: program}
	if err := n.start(); err != nil {
		return nil, err
	}
	w.nodes = append(w.nodes, n)
	w.byName[name], w.byAddr[addr], w.byKey[n.key] = n, n, n
	return n, nil
}

// address returns the next address that no node has.
func (w *World) address(i int) netip.AddrPort {
	for i++; ; i++ {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), firstPort)
		if w.byAddr[a] == nil {
			return a
		}
	}
}

// Name returns the node's name.
func (n *Node) Name() string { return n.checked().name }

func (n *Node) nameOrEmpty() string {
	if n == nil {
		return ""
	}
	return n.name
}

// Key returns the node's identity.
func (n *Node) Key() intentra.PublicKey { return n.checked().key }

// Addr returns the node's current address, the first one if it has several.
func (n *Node) Addr() netip.AddrPort { return n.checked().addr }

// World returns the world that the node is in.
func (n *Node) World() *World { return n.checked().w }

// Endpoint returns the endpoint of the latest process, for reading. Use Do to
// change anything.
func (n *Node) Endpoint() *conn.Endpoint { return n.checked().proc.ep }

// Do calls f with the endpoint and the node's own time, and gives the node a
// turn. If the call comes from a callback of the same node, or the node is
// paused, f is called when the pause ends. It is not called if the node is down.
func (n *Node) Do(f func(e *conn.Endpoint, now pipeline.Time)) {
	n.checked()
	need(f != nil, "Do", "a function")
	n.proc.do(func(_ Driver, now pipeline.Time) { f(n.proc.ep, now) })
}
