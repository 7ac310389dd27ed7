package conn

import (
	"time"

	"github.com/intentra/intentra/internal/inflight"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/replay"
)

// What the protocol fixes.
const (
	// HardPackets is the maximum number of packets sealed under one key. A session
	// that reaches it without new keys ends.
	HardPackets = replay.Limit
	// hardAfter is how long an epoch may be used after the time for its rekey.
	hardAfter = 10 * time.Minute
	// softFailures and hardFailures limit the failed opens under one key, after
	// RFC 9001 section 6.6 (2^36 for ChaCha20-Poly1305, the lower of both).
	softFailures = 1 << 35
	hardFailures = 1 << 36
)

// WaitLimit is how many times HandshakeTimeout an attempt may last if the responder asks
// it to wait for its turn.
const WaitLimit = 4

// What we chose.
const (
	previousEpochLife = 10 * time.Second
	rekeyRetry        = 250 * time.Millisecond
	rekeyLeast        = 100 * time.Millisecond // between two rekeys of a session
	rekeyTimeout      = 5 * time.Second
	rekeyDoubt        = 2 * time.Second // after rekeyTimeout, for packets in flight
	rekeyTries        = 4               // invalid messages of the peer in one rekey

	// A handshake takes three round trips. At 40 % loss these retries make fewer than
	// one in a hundred fail within 5 s.
	firstRetry = 100 * time.Millisecond // growing by half
	lastRetry  = 200 * time.Millisecond

	redialFirst = 125 * time.Millisecond // after a session has ended
	redialAgain = 250 * time.Millisecond // after an attempt has failed
	redialYield = 2 * time.Second        // after the session was replaced by another

	maxAddresses   = 16                     // of a peer, in a round of attempts
	attemptDelay   = 250 * time.Millisecond // between attempts to two addresses (RFC 8305 section 8)
	reachableDelay = time.Second            // instead, after a cookie

	// shortestKeepAlive is the shortest keep-alive interval that a peer's idle
	// timeout can demand.
	shortestKeepAlive = 50 * time.Millisecond

	pathRetry   = 250 * time.Millisecond // doubled with each attempt,
	pathBackoff = 4                      // times at most
	pathBudget  = 3                      // times the bytes received from an unproven address
	// challengeBurst challenges of a session may be sent at once, over all
	// candidates, and one per pathRetry on average.
	challengeBurst = 4

	minRTO          = 30 * time.Millisecond
	maxRTO          = 2 * time.Second
	initialRTT      = 100 * time.Millisecond
	maxPeerAckDelay = 25 * time.Millisecond

	// A sender paces to slightly less than the receiver's rate and to half its burst,
	// because jitter on the path turns evenly sent packets into bursts.
	paceShare = 0.98
	paceBurst = 0.5

	flightFrom = inflight.First / 4 // bytes in flight from which they are bounded
	// freshFor is how long the queued states of a peer that is held back take to
	// leave at most.
	freshFor   = 250 * time.Millisecond
	blameEvery = 10 * time.Millisecond // at most, when the send buffer is full
	// bandwidthBurst is what may be sent at once under Config.PeerBandwidth.
	bandwidthBurst = pipeline.Time(10 * time.Millisecond)

	takeoverWindow = 10 * time.Second
	takeoverLimit  = 5

	completedInits = 1024 // completed handshakes whose message 1 is recognised
	firstCookies   = 4    // cookies that a dialer tries at once, and of later ones keeps
	newestEvery    = 8    // each such attempt takes the newest cookie, not a random one
	maxCandidates  = 4    // messages 2 or 3 kept for the worker
	finalTries     = 4    // messages 3 that an admission covers

	// Slots for handshakes; see Endpoint.slot.
	leastPatience = 250 * time.Millisecond
	mostPatience  = 2500 * time.Millisecond
	workAhead     = 500 * time.Millisecond // of the worker, in handshakes
	leastSlots    = 16
	idleSearch    = 8 // handshakes that are searched for an idle one

	// Dialers that wait; see waiting.
	maxWaiting = 1024
	waitLife   = 2 * time.Second        // since the latest Init
	waitRetry  = 600 * time.Millisecond // between two Inits of a dialer that waits: three fit into waitLife
	waitMemory = 2 * waitRetry          // how long a dialer follows that
	leastServe = time.Millisecond       // between two looks for tokens
	mostServe  = 100 * time.Millisecond
	mostTurns  = 64 // lines refused in one look

	fastResends   = 8         // of a Reliable message, before it waits for the timeout
	transmitBatch = 512       // datagrams between two calls of Outgoing
	transmitBytes = 128 << 10 // bytes of these
	firstBytes    = 4 << 10   // size of the first block for them
	maxPadding    = 160       // bytes that are added to a full packet
	skipInterval  = 512       // one counter in about this many is skipped on purpose
)
