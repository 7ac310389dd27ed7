package trial

import (
	"time"

	"github.com/intentra/intentra/bench/contender"
)

// None is an empty argument or reply.
type None struct{}

// ServeArgs opens a receiver. The reply is a contender.Target.
type ServeArgs struct {
	Contender string
	contender.Setup
}

// DialArgs opens the connections of a sender.
type DialArgs struct {
	Contender string
	contender.Setup
	To contender.Target
	// Echo has the sender listen for echoes, which RoundTrip needs.
	Echo bool
}

// RunArgs says what to send.
type RunArgs struct {
	// ID is that of the messages' stamps.
	ID uint32
	// Rate is in messages per second over all connections; zero is as fast as
	// the transport accepts them.
	Rate float64
	For  time.Duration
}

// RunReply says what was sent.
type RunReply struct {
	// Sent counts the messages handed to the transport. It did not accept
	// Refused of them.
	Sent, Refused uint64
	// CPU is the time that the process used.
	CPU time.Duration
}

// RoundTripReply is the result of sending one message at a time back and forth.
type RoundTripReply struct {
	Count, Lost uint64
	P50, P99    time.Duration
}

// ConnectArgs says how many workers open connections, each one after the other,
// and for how long.
type ConnectArgs struct {
	Workers int
	For     time.Duration
}

// ConnectReply counts handshakes.
type ConnectReply struct {
	Done, Failed uint64
	Elapsed      time.Duration
	// Error is one of the failures.
	Error string
}

// LookReply is the state of a receiver.
type LookReply struct {
	// Delivered is the number of messages of the current measurement.
	Delivered uint64
	// P50, P99 and P999 are their one-way latency.
	P50, P99, P999 time.Duration
	// Wrong messages, CPU, context switches and Facts are those since the receiver
	// was opened.
	Wrong    uint64
	CPU      time.Duration
	Switches uint64
	Facts    contender.Facts
}
