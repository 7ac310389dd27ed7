// Package conn is the protocol core of intentra without I/O: peers, sessions,
// handshakes, rekeying, roaming, timers and what is to be sent.
//
// An [Endpoint] takes datagrams, finished jobs, calls and a time; it yields
// datagrams, jobs, events and its next deadline. It reads no clock, draws its
// randomness from the reader that it is given, starts no goroutine, and holds
// no lock of its own, so that the event loop of the root package and a
// simulator can drive the same code. The one thing that it shares with other
// goroutines is each peer's send queue (internal/sendq).
//
// The driver's turn:
//
//	for each datagram: HandleDatagram
//	for each finished job: HandleJob
//	if the deadline has passed: HandleTimeout
//	for more := true; more; {
//		more = Flush(now)
//		send Outgoing()
//	}
//	take PollJob until nil, and Events()
//
// # Words
//
// A Peer is an identity, a static key; it survives reconnects. A session is
// one connection with it; it survives rekeys and roaming. An epoch is one set
// of keys of a session. Up to three epochs live at a time: the previous, the
// current, and the next while a rekey is under way.
package conn
