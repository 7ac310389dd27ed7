// Package simulated connects the Transport of the root package with the simulator:
// package sim makes a Transport without a socket, a clock and goroutines for each
// process of a node, so that applications get the same Transport and Peer as in a
// real program. It exists because sim imports the root package, whose API does not
// need these names.
package simulated

import (
	"net/netip"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/pipeline"
)

// New makes a Transport. The root package sets it when it is initialised.
var New func(s Setup) Application

// Setup is what a simulated Transport is made of.
type Setup struct {
	Core   *journal.Core
	Config conn.Config // of the core
	User   any         // an intentra.Config, of which only the functions count that a process has
	Host   Host
}

// Host is the process that a simulated Transport belongs to.
type Host interface {
	// Addr returns the current address of the node.
	Addr() netip.AddrPort
	// Now returns the time of the core.
	Now() pipeline.Time
	// Wake asks for a turn of the process, which calls TakeInbox.
	Wake()
	// Sent is called with the result of each attempt to send a message, an
	// intentra.SendStatus and its error.
	Sent(to *conn.Peer, m Message, status uint8, err error)
}

// Message is an intentra.Message, which this package cannot name.
type Message struct {
	Channel  uint32
	Intent   pipeline.Intent
	Priority pipeline.Priority
	Payload  []byte
	TTL      time.Duration
	Token    uint64
	Stamp    bool
	Age      time.Duration
	Within   time.Duration
}

// Application is a simulated Transport as its process sees it. Its methods belong to
// the goroutine of the world.
type Application interface {
	// Transport returns the *intentra.Transport.
	Transport() any
	// Peer returns the *intentra.Peer of a peer of the core.
	Peer(c *conn.Peer) any
	// HandleEvent handles an event of the core, except that it resolves no address.
	HandleEvent(ev conn.Event)
	// Deliver calls the Handler, if there is one.
	Deliver(from *conn.Peer, p *pipeline.Packet)
	// Room reports whether the Handler would take one more Reliable message of a peer.
	Room(from *conn.Peer, channel uint32) bool
	// GivenUp calls OnGivenUp, HandleDeliveries calls OnDelivery for what the core
	// knows.
	GivenUp(from *conn.Peer, channel uint32)
	HandleDeliveries()
	// InboxFull reports whether TakeInbox has anything to do.
	InboxFull() bool
	// TakeInbox does what the application has asked for, and reports whether it has
	// closed the Transport.
	TakeInbox(now pipeline.Time) (closing bool)
	// End disconnects all peers: the process has ended, without notice if it was
	// killed.
	End(killed bool)
}
