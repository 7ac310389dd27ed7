package contender

import (
	"context"
	"errors"
)

// ErrUnsupported: the contender does not exist on this system.
var ErrUnsupported = errors.New("not on this system")

// Contender is one way to carry messages. It holds no state: servers and
// clients live in different processes.
type Contender interface {
	// Name is what --only and the results call it.
	Name() string
	// Note says in one line what it is.
	Note() string
	// Raised names the limits that a setup raises above their defaults, as
	// "Field=value".
	Raised(Setup) []string
	// Serve opens a receiver on a free port of 127.0.0.1, which passes every
	// message to the sink until it is closed.
	Serve(ctx context.Context, s Setup, sink *Sink) (Server, error)
	// Dial opens s.Connections connections. Messages that come back are passed
	// to echo, which may be nil, may call Send of the Client, and only borrows
	// the bytes. It is called from one goroutine for each connection.
	Dial(ctx context.Context, s Setup, to Target, echo func(c Client, payload []byte)) (Client, error)
}

// Connector is a Contender with a handshake.
type Connector interface {
	// Connect opens one connection with everything of its own, waits until the
	// library takes it for up, and closes it.
	Connect(ctx context.Context, s Setup, to Target) error
}

// Setup says what one process opens.
type Setup struct {
	// Connections are those of this process; for a receiver, all that there
	// may be.
	Connections int
	// First is the number of this process's first connection, counted over all
	// sending processes.
	First int
	// Size of a message in bytes.
	Size int
	// Buffer is how many bytes the kernel is asked to queue for each socket and
	// direction.
	Buffer int
}

// Target is what a sender has to know of a receiver.
type Target struct {
	// Addr is "host:port".
	Addr string
	// Key is the receiver's identity, where there is one.
	Key []byte
}

// Server is a receiver at work.
type Server interface {
	Target() Target
	// Facts may be called at any time.
	Facts() Facts
	Close() error
}

// Facts are what a receiver knows beside its messages. What it does not know is
// zero.
type Facts struct {
	// ReadBuffer and WriteBuffer are the bytes that the kernel granted.
	ReadBuffer, WriteBuffer int
	// Datagrams were received, acknowledgements included.
	Datagrams uint64
	// Drops counts messages and datagrams lost in the receiver, by reason.
	Drops map[string]uint64
}

// Client is a sending side.
type Client interface {
	// Send sends payload on connection i, counted from zero, or leaves it to be
	// sent by Flush. With wait it waits for room rather than have a message
	// dropped, if the transport can tell. It reports whether the message was
	// taken. The payload stays the caller's. Lanes may call it at the same
	// time, each for its own connections.
	Send(i int, payload []byte, wait bool) bool
	// Flush sends what Send has left. It belongs to the lane.
	Flush(lane int)
	// Lanes is how many goroutines are to send; lane l has the connections i
	// with i % Lanes() == l.
	Lanes() int
	Close() error
}
