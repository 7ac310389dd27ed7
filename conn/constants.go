package conn

import (
	"time"

	"github.com/intentra/intentra/stages/replay"
)

// What the protocol fixes.
const (
	// HardPackets is the most packets that are sealed under one key. Past it
	// the session ends rather than seal one more.
	HardPackets = replay.Limit
	// hardAfter is how long past its soft limit an epoch may live.
	hardAfter = 10 * time.Minute
	// softFailures and hardFailures limit the failed opens under one key, after
	// RFC 9001 section 6.6 (2^36 for ChaCha20-Poly1305, the lower of both).
	softFailures = 1 << 35
	hardFailures = 1 << 36
)

// What we chose.
const (
	previousEpochLife = 10 * time.Second
	rekeyRetry        = 250 * time.Millisecond
	rekeyLeast        = 100 * time.Millisecond // between two rekeys of a session
	rekeyTimeout      = 5 * time.Second
	rekeyDoubt        = 2 * time.Second // for what was under way when that ran out
	rekeyTries        = 4               // of a message of one rekey

	// A handshake takes three round trips. It is sent again often enough that
	// at 40 % loss less than one in a hundred fails within 5 s.
	firstRetry = 100 * time.Millisecond // growing by half
	lastRetry  = 200 * time.Millisecond

	redialFirst = 125 * time.Millisecond // after a session has ended
	redialAgain = 250 * time.Millisecond // after an attempt has failed
	redialYield = 2 * time.Second        // after another session has won

	pathRetry   = 250 * time.Millisecond // doubled with each attempt
	pathBackoff = 4                      // times
	pathBudget  = 3                      // times the bytes received from an unproven address

	minRTO          = 30 * time.Millisecond
	maxRTO          = 2 * time.Second
	initialRTT      = 100 * time.Millisecond
	maxPeerAckDelay = 25 * time.Millisecond

	// A sender paces to a little less than what the receiver allows, and to
	// half its burst: jitter on the way makes bursts out of evenly sent packets.
	paceShare = 0.98
	paceBurst = 0.5

	takeoverWindow = 10 * time.Second
	takeoverLimit  = 5

	completedInits = 1024 // replays of message 1 that are recognised
	firstCookies   = 4    // that a dialer tries at once; as many wait
	newestEvery    = 8    // times, once the newest cookie instead of one by lot
	maxCandidates  = 4    // for message 2 or 3 that wait for the worker
	finalTries     = 4    // for message 3 that an admission covers
	// yieldAge is how old a half-open handshake is when it surely gives way to
	// the next of its address, if that has no slot left and the lot falls on it.
	// It is less than 2^32 ns, so that an age below it can be drawn.
	yieldAge = 600 * time.Millisecond

	fastResends   = 8         // of a Reliable message, before it waits for the time-out
	transmitBatch = 512       // datagrams that wait for the driver to send them
	transmitBytes = 128 << 10 // bytes of them
	firstBytes    = 4 << 10   // of them that the first block has room for
	maxPadding    = 160       // bytes that fill a full packet up
	skipInterval  = 512       // one counter in about as many is skipped on purpose
)
