package trial

import (
	"time"

	"github.com/intentra/intentra/bench/contender"
)

// None is no argument, or no answer.
type None struct{}

// ServeArgs open a receiver. The answer is a contender.Target.
type ServeArgs struct {
	Contender string
	contender.Setup
}

// DialArgs open the connections of a sender.
type DialArgs struct {
	Contender string
	contender.Setup
	To contender.Target
	// Echo has it listen for echoes, for Bounce.
	Echo bool
}

// RunArgs say what to send.
type RunArgs struct {
	// Rate is in messages per second over all connections; zero is as fast as
	// the transport takes them.
	Rate float64
	For  time.Duration
}

// RunReply says what was sent.
type RunReply struct {
	// Sent counts the messages handed over, Refused those of them that the
	// transport did not take.
	Sent, Refused uint64
	// CPU is what the process has used.
	CPU time.Duration
}

// BounceReply is the result of sending one message to and fro for a while.
type BounceReply struct {
	Count, Lost uint64
	P50, P99    time.Duration
}

// ConnectArgs say how to open connections, one after the other.
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

// LookReply is what a receiver has counted since it was opened.
type LookReply struct {
	Delivered, Wrong uint64
	CPU              time.Duration
	Facts            contender.Facts
	// Samples, P50, P99 and P999 are the latency since the last Look, of one
	// message in 61.
	Samples        uint64
	P50, P99, P999 time.Duration
}

// MemoryReply is the memory in use after a collection, in bytes: objects on the
// heap, and stacks.
type MemoryReply struct{ Bytes uint64 }
