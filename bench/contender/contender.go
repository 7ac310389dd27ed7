package contender

import (
	"context"
	"errors"

	"github.com/intentra/intentra/internal/load"
)

// The sizes of a message in bytes.
const (
	MinSize = load.StampSize
	// MaxSize is what all contenders carry in one datagram: less than fits into
	// a QUIC packet of 1200 bytes.
	MaxSize = 1100
)

// ErrUnsupported is returned when a contender does not exist on this system.
var ErrUnsupported = errors.New("not supported on this system")

// Contender is one way to carry messages. It holds no state: servers and
// clients live in different processes.
type Contender interface {
	// Name returns the name in --only and in results.
	Name() string
	// Note describes the contender in one line.
	Note() string
	// Raised describes the limits that a setup raises above their defaults.
	Raised(Setup) []string
	// Serve opens a receiver on a free port of 127.0.0.1, which passes every
	// message to the sink until it is closed.
	Serve(ctx context.Context, s Setup, sink *Sink) (Server, error)
	// Dial opens s.Connections connections. Messages that come back are passed
	// to echo unless it is nil. echo may call Send of the Client, and must not
	// keep the payload. It is called from one goroutine for each connection.
	Dial(ctx context.Context, s Setup, to Target, echo func(c Client, payload []byte)) (Client, error)
}

// Connector is a Contender with a handshake.
type Connector interface {
	// Connect opens one connection that shares nothing with others, waits until
	// the library considers it connected, and closes it.
	Connect(ctx context.Context, s Setup, to Target) error
}

// Setup says what one process opens.
type Setup struct {
	// Connections are those of this process; for a receiver, the most that
	// there may be.
	Connections int
	// First is the number of this process's first connection, counted over all
	// sending processes.
	First int
	// Size of a message in bytes.
	Size int
	// Buffer is how many bytes of buffer the kernel is asked for, for each
	// socket and direction.
	Buffer int
}

// Target is what a sender has to know of a receiver.
type Target struct {
	// Addr is "host:port".
	Addr string
	// Key is the receiver's identity, if it has one.
	Key []byte
}

// Server is an open receiver.
type Server interface {
	Target() Target
	// Facts may be called at any time.
	Facts() Facts
	Close() error
}

// Facts are what a receiver knows besides its messages. A fact that it does not
// know is zero.
type Facts struct {
	// ReadBuffer and WriteBuffer are the bytes that the kernel granted.
	ReadBuffer, WriteBuffer int
	// Datagrams counts those received, acknowledgements included.
	Datagrams uint64
	// Drops counts messages and datagrams lost in the receiver, by reason.
	Drops map[string]uint64
}

// Client is the sending side.
type Client interface {
	// Send sends payload on connection i, counted from zero, or leaves it to
	// Flush. With wait, Send waits for room instead of having a message
	// dropped, if the transport supports that. It reports whether the message
	// was accepted, and does not keep the payload. Lanes may call Send at the
	// same time, each for its own connections.
	Send(i int, payload []byte, wait bool) bool
	// Flush sends what Send of the lane's connections has left.
	Flush(lane int)
	// Lanes is how many goroutines are to send. Lane l has the connections i
	// with i % Lanes() == l.
	Lanes() int
	Close() error
}
