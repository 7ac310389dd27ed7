// Package sim runs any number of real endpoints in one goroutine, on a virtual
// clock and over a network that does what its seed says: it delays, loses,
// repeats, reorders, corrupts and cuts short. A simulated hour of a few idle
// peers takes a moment, and the same seed gives the same run, bit for bit, on
// every machine; [World.TraceHash] tells whether it has.
//
// A [Node] is the protocol core that a [intentra.Transport] runs, with the
// chains that its [intentra.Config] makes, those of the user's own stages
// included, but with no socket, no clock and no goroutine. What differs from a
// Transport is who drives it: messages come to Node.OnMessage, where a
// Transport has Handler or Receive; public-key work is done at once, or takes
// Node.JobDelay; names of peers resolve to where they are now.
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
// Every datagram takes the same way: from the node that sends it, through the
// taps ([World.Tap]) in the order in which they were set, then through the
// [Link] from that node to whoever has the address, and into the node that has
// it when it arrives. Links follow nodes, not addresses: a node that gets
// another address ([Node.Rebind]: it roams, or its NAT forgets the mapping)
// keeps its links, while what is under way to the old address is lost. What
// [World.Inject] makes up has no link; it arrives.
//
// # Time and chance
//
// Nothing happens but in [World.Run] and [World.Until]. At one instant
// datagrams and functions of [World.After] come first, in the order in which
// they were made; then each node that has something to do has one turn, as the
// event loop of a Transport has after a batch. So what a callback sends leaves
// together, in as few packets as it takes.
//
// The seed makes a stream of random numbers for each name of a node and for
// each pair of names with a link, so that nodes and links that are added or
// taken away leave those of the others as they were.
//
// A World and all that belongs to it are one goroutine's, including the
// callbacks. They may call any method but Run and Until. Methods panic at once if
// they are given no function, or nodes of another world; a Config or a Link that
// cannot be is an error. A panic in a stage,
// in OnMessage or in Authorize counts ([Node.Stats]) and costs one packet, as
// in a Transport; one in a tap, a checker or a function of After goes up to
// the caller of Run.
//
// # Checks
//
// World.Audit has everything checked on every step that a user is promised, and
// World.Settle that all who want to be connected are. A Checker of one's own
// looks at the world after each step, and its error ends the run.
//
// Package script runs scenarios that are written down, package swarm makes them
// by chance; `intentra sim` runs both.
package sim
