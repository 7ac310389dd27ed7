// Package conn is the protocol core of intentra without I/O: peers, sessions,
// handshakes, rekeying, roaming, timers and packet construction. Applications use
// the root package, which drives it with a socket; this package is for other
// drivers, such as a simulator or an event loop of your own.
//
// An [Endpoint] takes datagrams, finished jobs, calls and the time. It yields
// datagrams, jobs, events and the time of its next deadline. It reads no clock,
// takes its randomness from [Config].Rand, starts no goroutine and never blocks.
//
// # Driving an Endpoint
//
// All methods of an Endpoint, and all of a [Peer] that do not say otherwise, are
// called from one goroutine at a time. A turn of the driver is:
//
//	for each datagram received: HandleDatagram
//	for each job that has been run: HandleJob
//	for each peer whose Push returned wake: MarkReady
//	if Deadline has passed: HandleTimeout
//	for all Events: NeedAddress is answered by AddAddresses or DialFailed
//	for more := true; more; {
//		more = Flush(now)
//		send all Outgoing()
//	}
//	run each PollJob(), in any goroutine
//
// then the driver waits for a datagram, a finished job, a call or Deadline,
// whichever comes first. Any call may cause events, jobs and datagrams, and may
// change Deadline. Only Flush and Close build packets of queued messages; calls
// that answer at once, such as HandleDatagram, leave their datagrams to the next
// Outgoing.
//
// Times are a [pipeline.Time], nanoseconds from any origin. The driver passes a
// time above zero that never decreases; the same time for all calls of a turn is
// fine.
//
// Buffers: HandleDatagram borrows its data until it returns and overwrites it
// (decryption is in place). The datagrams of Outgoing belong to the Endpoint and
// are valid until the next call of one of its methods. The slice of Events is
// valid until the next call of a Handle method. [Peer.Push] copies its payload.
// Config.Deliver borrows its message until it returns.
//
// Concurrency: [Job.Run] may be called from any goroutine, and so may the methods
// of a Peer's send queue (Push, PushWait, PushShared, Queued, QueuedBytes,
// QueueFlow), those of a broadcast ([Endpoint.BeginBroadcast] and what it names) and
// [Peer.Identity]. The functions in Config are called from within
// the Endpoint's methods and must not call it; Authorize is called in Job.Run.
//
// To end an Endpoint, call Close and send Outgoing until Close returns false, call
// Flush and send once more, and pass each job that is still running to HandleJob.
//
// # Terms
//
// A [Peer] is a pair of static keys, ours and the peer's; it survives reconnects.
// A session is one connection with a peer; it survives rekeys and roaming. An
// epoch is one set of keys of a session. Up to three epochs exist at a time: the
// previous one, the current one and, during a rekey, the next one.
package conn
