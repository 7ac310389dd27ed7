// Package sim runs any number of real endpoints in one goroutine, on a virtual
// clock and over a network that a seed controls: it delays, loses, duplicates,
// reorders, corrupts and truncates datagrams. A simulated hour of a few idle
// peers takes a moment. The same seed gives the same run, bit for bit, on every
// machine; compare [World.TraceHash].
//
// A [Node] is the protocol core of a [intentra.Transport], with the chains that
// its [intentra.Config] makes, user stages included, and without a socket, a
// clock or a goroutine. It differs from a Transport in its driver: public-key
// work is done at once or takes Node.JobDelay, and names resolve to the current
// addresses of nodes. Tests look at messages and events with Node.OnMessage and
// Node.OnEvent. An application that was written for a Transport, with Handler and
// OnPeer, runs unchanged: see [World.Program].
//
//	w := sim.New(seed)
//	a, _ := w.Node("a", netip.AddrPort{}, intentra.Config{})
//	b, _ := w.Node("b", netip.AddrPort{}, intentra.Config{Authorize: intentra.AllowAny})
//	w.SetDefault(sim.Link{Delay: 20 * time.Millisecond, Loss: 0.05})
//	a.Dial(b.Key())
//	err := w.Run(time.Minute)
//
// # The network
//
// A datagram passes the taps ([World.Tap]) in the order in which they were added,
// then the [Link] from its sender to the node that has its destination address,
// and then enters the node that has the address when it arrives. Links belong to
// nodes, not addresses: a node that changes its address ([Node.Rebind]) keeps its
// links, and datagrams under way to the old address are lost. Datagrams of
// [World.Inject] pass no tap and no link.
//
// # Time and chance
//
// Time passes only in [World.Run] and [World.Until]. At each instant datagrams
// arrive and functions of [World.After] are called first, in the order in which
// they were added; then each node that has something to do takes one turn, as the
// event loop of a Transport does after a batch. So messages that callbacks send at
// one instant leave together, in as few packets as possible.
//
// Each node and each link has its own stream of random numbers, derived from the
// seed and its names, so that adding or removing one does not change the others.
//
// A World, its nodes and their callbacks belong to one goroutine. Callbacks may
// call any method except Run and Until. Methods panic if they are given a nil
// function, or nodes of another world; an invalid Config or Link is an error. A
// panic in a stage, in OnMessage or in Authorize is counted ([Node.Stats]) and
// costs one packet, as in a Transport; a panic in a tap, a checker or a function
// of After reaches the caller of Run.
//
// # Checks
//
// [World.Audit] enables checks, after every step, of all that users are promised.
// [World.Settle] checks that all nodes that dial each other are connected. A
// [Checker] of your own also runs after every step; its error ends the run.
//
// Package script runs written scenarios. The command `intentra sim` runs those and
// random ones.
package sim
