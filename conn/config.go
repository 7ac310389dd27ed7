package conn

import (
	"io"
	"log/slog"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// Config configures an [Endpoint]. Identity and Rand are required; a zero value
// of any other field means its default, as [Config.WithDefaults] fills it in.
// [Config.Validate] checks the ranges that the fields state, and that no two of
// them contradict each other. [New] does both, on a copy.
//
// Functions are called on the goroutine that drives the endpoint, while it is in
// one of the endpoint's methods, unless they say otherwise: they must not call
// the endpoint. Encoded as JSON, a Config is its plain values alone, for a
// recording.
type Config struct {
	// Identity is the endpoint's own key pair. Required.
	Identity Identity `json:"-"`
	// Rand is the source of all randomness: receiver indexes, ephemeral keys,
	// secrets, jitter. Use crypto/rand.Reader outside of tests. Required. An
	// operation whose read fails fails, and nothing else.
	Rand io.Reader `json:"-"`

	// Authorize reports whether the peer with a key may connect. It is called in
	// [Job.Run], on the goroutine that runs the job, once a handshake has proved
	// possession of the key. Nil refuses all: the endpoint only dials.
	Authorize func(key [KeySize]byte) bool `json:"-"`
	// Deliver is called with each message, as the last step of the inbound chain.
	// pk and its payload are borrowed until it returns. False means that there was
	// no room: the message counts as dropped, and the peer sends it again if it is
	// Reliable. Nil accepts and discards all messages.
	Deliver func(p *Peer, pk *pipeline.Packet) bool `json:"-"`
	// Room reports whether Deliver would take one more Reliable message of p. Nil is
	// always true.
	Room func(p *Peer) bool `json:"-"`
	// Touched is called when the counters of p have changed, and not again before
	// [Endpoint.PeerStats] has been called. Nil is not called.
	Touched func(p *Peer) `json:"-"`
	// Stages may change the chains before they are built. Nil leaves the default
	// ones.
	Stages func(s *stages.Set) error `json:"-"`
	// BuildOptions are passed to both Builds. Default: none.
	BuildOptions []pipeline.Option `json:"-"`
	// Chains configures the stages. The endpoint sets the callbacks in it, and all
	// that fields of Config configure. Default: that of each stage; the address
	// rate of stage ratelimit is raised so that one address can use all of
	// HandshakeRate.
	Chains stages.Config
	// Logger gets what an operator wants to know. It never gets keys or payloads.
	// Nil discards.
	Logger *slog.Logger `json:"-"`
	// Journal has the hooks of a recording. Default: none.
	Journal Journal `json:"-"`

	// Suite is the cipher suite to dial with. Default: AESGCM if Suites has it,
	// else the first of Suites.
	Suite wire.Suite
	// Suites are those accepted from dialers. Default: all. Suite need not be
	// among them.
	Suites []wire.Suite

	// ForbidRoaming keeps a session at the address where it was opened. Default:
	// false, a session follows its peer to a new address.
	ForbidRoaming bool
	// MaxDatagram is the largest datagram to send and to receive, in bytes of UDP
	// payload. The smaller value of the two sides applies. Default 1,232, range
	// 256 to 65,507.
	MaxDatagram int
	// MaxPeers limits the peers known at a time, connected or remembered. Default
	// 131,072, range 1 to 262,144.
	MaxPeers int

	// IdleTimeout ends a session from which nothing has come for that long.
	// Default 60 s, range 500 ms to 10 years.
	IdleTimeout time.Duration
	// KeepAlive is how long a side that dials the peer waits without a packet
	// before it asks for a sign of life. Default 1 s, or half of IdleTimeout if
	// that is less; range 1 ms to half of
	// IdleTimeout, and at least 4 s divided by PeerRate.
	KeepAlive time.Duration
	// Unanswered is how long packets stay unacknowledged before a side that dials
	// the peer begins another handshake. Default 2 s, or IdleTimeout if that is
	// less; range 250 ms (a peer may take 200 ms to acknowledge) to IdleTimeout.
	Unanswered time.Duration
	// HandshakeTimeout bounds one attempt to connect, with its retries, and how
	// long a handshake that this side answers may take. Default 5 s, range 200 ms
	// (the first retry comes after 100 ms) to 10 years.
	HandshakeTimeout time.Duration
	// RetryDial has a first dial go on after a failed attempt, until AbandonDial or
	// ClosePeer. Default: false, it ends with the first.
	RetryDial bool
	// ForgetAfter is how long a peer is remembered that has neither a session nor
	// is dialled: its strikes, its rate limit, its counters and the *Peer stay the
	// same if it returns in that time. At MaxPeers the one that has been gone
	// longest is forgotten early. Default 60 s, or StrikeWindow if that is more;
	// range StrikeWindow to 10 years.
	ForgetAfter time.Duration

	// MaxHandshakes limits the handshakes in flight that this side answers.
	// Default 100, range 1 to 65,536.
	MaxHandshakes int
	// MaxHandshakesPerAddress limits those from one IPv4 address or IPv6 /64.
	// Default 5, or MaxHandshakes if that is less; range 1 to MaxHandshakes.
	MaxHandshakesPerAddress int
	// HandshakeRate limits how many handshakes this side begins to answer each
	// second. Addresses share it fairly; a single one may use all of it while no
	// other needs its share. Default 200, range 1 to 1,048,576.
	HandshakeRate int
	// HandshakeBurst is how many handshakes may begin at once. Default a quarter of
	// HandshakeRate, at least 1; range 1 to 1,048,576.
	HandshakeBurst int
	// RekeyRate limits the rekeys that the endpoint takes part in each second, of
	// all sessions together. Default 200, about a tenth of a core; range 1 to
	// 1,048,576.
	RekeyRate int

	// PeerRate and PeerBurst limit the packets that are accepted from each peer,
	// per second and at once. They are announced to the peer, which keeps to them.
	// Defaults 10,000 and 500, ranges 16 to 2^30 and 1 to 2^30.
	PeerRate, PeerBurst int
	// ReplayWindow is how far packets may be out of order, in packets: a power of
	// two. Default 8,192, range 64 to 65,536.
	ReplayWindow int

	// RekeyAfterPackets is after how many packets in one direction a session
	// changes its keys. Default 2^27, range 16 to 2^27.
	RekeyAfterPackets int
	// RekeyAfter is after how long a session changes its keys if messages have
	// flowed, varied at random by up to a fifth either way. Default 120 s, range
	// 200 ms to 10 years.
	RekeyAfter time.Duration

	// Strikes protocol violations within StrikeWindow close a peer's session.
	// Default 10, range 1 to 1,024.
	Strikes int
	// StrikeWindow is the time in which Strikes are counted. Default 5 s, range
	// 1 ms to 10 years.
	StrikeWindow time.Duration

	// SendQueueMessages and SendQueueBytes limit the Realtime and Latest messages
	// queued for one peer, together. Defaults 1,024 and 256 KiB; ranges 1 to 2^30,
	// and MaxDatagram to 2^30. A default is raised to MaxDatagram.
	SendQueueMessages, SendQueueBytes int
	// ReliableQueueMessages and ReliableQueueBytes limit the Reliable messages
	// queued for one peer. Defaults 1,024 and 1 MiB, ranges as those of SendQueue.
	ReliableQueueMessages, ReliableQueueBytes int
}
