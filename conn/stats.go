package conn

import (
	"time"

	"github.com/intentra/intentra/wire"
)

// Outcome is the outcome of a handshake, or of a packet of one.
type Outcome uint8

// The outcomes. HandshakeStarted to HandshakeRefused, HandshakeTimedOut, DialTimedOut,
// HandshakeEvicted, HandshakeWaiting and HandshakeLeft count handshakes, the others
// count packets.
const (
	HandshakeStarted   Outcome = iota // this side began to answer one
	HandshakeAccepted                 // completed, as responder
	HandshakeDialed                   // confirmed, as dialer
	HandshakeRefused                  // the key is not allowed
	HandshakeTimedOut                 // as responder: no valid message 3 came
	DialTimedOut                      // as dialer
	HandshakeEvicted                  // replaced by a newcomer
	HandshakeFailed                   // a message did not authenticate
	HandshakeSuite                    // the suite is not accepted here
	HandshakeReplayed                 // message 1 of a completed handshake
	HandshakeRepeated                 // message 1 or 3 again, answered again
	HandshakeRate                     // beyond the rate of admissions
	HandshakeAddress                  // too many from one address
	HandshakeTable                    // no slot free
	HandshakeUnknown                  // for no known handshake
	HandshakeBusy                     // another message is being processed
	HandshakeCookie                   // a cookie challenge, used
	HandshakeBadCookie                // an invalid or repeated cookie challenge
	HandshakeWaiting                  // has to wait until this side can begin to answer it
	HandshakeLeft                     // stopped asking while it waited, or lost its place
	handshakeOutcomes
)

var outcomeNames = [handshakeOutcomes]string{
	"started", "accepted", "dialed", "refused", "timed_out", "dial_timed_out", "evicted", "failed",
	"suite", "replayed", "repeated", "rate", "address", "table_full", "unknown", "busy", "cookie", "bad_cookie",
	"waiting", "left",
}

// String returns the outcome's name in metrics.
func (o Outcome) String() string { return outcomeNames[o] }

// Outcomes returns all outcomes.
func Outcomes() []Outcome {
	all := make([]Outcome, handshakeOutcomes)
	for i := range all {
		all[i] = Outcome(i)
	}
	return all
}

// Stats are the counters of an endpoint, without those of its chains.
type Stats struct {
	PacketsIn, BytesIn, PacketsOut, BytesOut uint64 // datagrams, and bytes of UDP payload

	Handshakes         [handshakeOutcomes]uint64 // by Outcome
	HandshakesInFlight int                       // that this side answers, now
	HandshakesWaiting  int                       // to be answered by this side, now
	CookiesSent        uint64                    // including those that tell a dialer to wait
	RepliesLost        uint64                    // handshake and control packets dropped because the batch was full
	Peers, Sessions    int                       // now
	Rekeys, Strikes    uint64
	Roams              uint64     // sessions that moved to a new address
	Takeovers          uint64     // sessions replaced by another one that the same peer dialled
	Panics             uint64     // recovered, in stages, functions of Config and jobs
	Closes             [64]uint64 // sessions ended, by wire.CloseReason
	HeldBytes          int        // of Reliable messages held back until earlier ones come, now
	FragmentBytes      int        // of buffers for messages whose fragments have not all come, now
	SendMemory         int        // bytes of the buffers of all send queues, now

	// Taken counts the messages that have left their peers' queues to be sent.
	// Each has entered the outbound chain. One that comes back into the queue with
	// its session, and leaves it again, counts each time.
	Taken uint64
	// Offline counts Realtime messages that a disconnect has made stale,
	// Abandoned the messages that were given up with their peer, TooLarge those
	// that fit in no packet to their peer; the outbound chain counts these too, as
	// drops of its packer.
	Offline, Abandoned, TooLarge uint64
	// UnfinishedSuperseded, UnfinishedDisplaced and UnfinishedClosed count the Realtime and
	// Latest messages in fragments that were dropped before all fragments were sent and,
	// those of Latest, acknowledged: by a newer one of their channel, to make room,
	// and with their session. The outbound chain has accepted them.
	UnfinishedSuperseded, UnfinishedDisplaced, UnfinishedClosed uint64
	// Expired counts Reliable messages that had left and expired before they were sent
	// again. Those that expire in a queue are in QueueFlow.
	Expired uint64
	// GivenUp counts notices of peers that they have given up a Reliable message.
	GivenUp uint64
	// Fates counts the messages with a token whose Delivery is known, by Fate.
	Fates [fates]uint64
	// Refused counts datagrams that were dropped because the socket's send buffer
	// was full, of the peers that had the most in flight.
	Refused uint64
}

// Plus returns the sums of the counters of s and later. The sizes of tables and
// the bytes are those of later.
func (s Stats) Plus(later Stats) Stats {
	sum := later
	for _, c := range [][2]*uint64{
		{&sum.PacketsIn, &s.PacketsIn}, {&sum.BytesIn, &s.BytesIn}, {&sum.PacketsOut, &s.PacketsOut}, {&sum.BytesOut, &s.BytesOut},
		{&sum.CookiesSent, &s.CookiesSent}, {&sum.RepliesLost, &s.RepliesLost},
		{&sum.Rekeys, &s.Rekeys}, {&sum.Strikes, &s.Strikes}, {&sum.Roams, &s.Roams},
		{&sum.Takeovers, &s.Takeovers}, {&sum.Panics, &s.Panics}, {&sum.Taken, &s.Taken},
		{&sum.Offline, &s.Offline}, {&sum.Abandoned, &s.Abandoned}, {&sum.TooLarge, &s.TooLarge},
		{&sum.Refused, &s.Refused}, {&sum.Expired, &s.Expired}, {&sum.GivenUp, &s.GivenUp}, {&sum.UnfinishedSuperseded, &s.UnfinishedSuperseded},
		{&sum.UnfinishedDisplaced, &s.UnfinishedDisplaced}, {&sum.UnfinishedClosed, &s.UnfinishedClosed},
	} {
		*c[0] += *c[1]
	}
	for i, n := range s.Handshakes {
		sum.Handshakes[i] += n
	}
	for i, n := range s.Fates {
		sum.Fates[i] += n
	}
	for i, n := range s.Closes {
		sum.Closes[i] += n
	}
	return sum
}

// PeerStats are the counters of one peer, over all its sessions.
type PeerStats struct {
	PacketsIn, BytesIn, MessagesIn    uint64
	PacketsOut, BytesOut, MessagesOut uint64
	// Acked and Lost count messages whose packet was acknowledged or considered lost;
	// if a lost packet is acknowledged later, its messages move from Lost to Acked. A
	// Reliable message counts each time that it is sent.
	Acked, Lost uint64
	Rekeys      uint64

	// RTT is the smoothed round-trip time, RTTVar its mean deviation (RFC 6298),
	// RTTMin the minimum of the session. Zero until there is a sample.
	RTT, RTTVar, RTTMin time.Duration
}

func (e *Endpoint) count(o Outcome) { e.stats.Handshakes[o]++ }

func (e *Endpoint) countClose(r wire.CloseReason) { e.stats.Closes[r%64]++ }
