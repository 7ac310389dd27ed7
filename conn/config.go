package conn

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// Config configures an [Endpoint]. Identity and Rand are required; a zero value
// of any other field means its default, as [Config.WithDefaults] fills it in.
// [Config.Validate] checks their ranges, and that no two of them contradict each
// other. [New] does both, on a copy.
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

	// Authorize reports whether the peer of a handshake may connect. It is called in
	// [Job.Run], on the goroutine that runs the job, once the handshake has proved
	// possession of the key. ctx ends with the handshake, at the latest after
	// HandshakeTimeout: the result no longer matters then. Nil refuses all: the endpoint
	// only dials.
	Authorize func(ctx context.Context, h Handshake) bool `json:"-"`
	// Deliver is called with each message, as the last step of the inbound chain.
	// pk and its payload are borrowed until it returns. False means that there was
	// no room: the message counts as dropped, and the peer sends it again if it is
	// Reliable. Nil accepts and discards all messages.
	Deliver func(p *Peer, pk *pipeline.Packet) bool `json:"-"`
	// Room reports whether Deliver would take one more Reliable message of p on a channel.
	// Nil is always true.
	Room func(p *Peer, channel uint32) bool `json:"-"`
	// GivenUp is called when p has given up a Reliable message on a channel: after the
	// messages before it have been delivered, and before those after it. Nil is not
	// called.
	GivenUp func(p *Peer, channel uint32) `json:"-"`
	// Touched is called when the counters of p have changed, and not again before
	// [Endpoint.PeerStats] has been called. Nil is not called.
	Touched func(p *Peer) `json:"-"`
	// Stages may change the chains before they are built.
	Stages func(s *stages.Set) error `json:"-"`
	// BuildOptions are passed to both Builds.
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

	// The fields below that intentra.Config has as well mean the same there. Its
	// documentation states their units, defaults and ranges.

	// ClockStart is what the endpoint's clock, which it tells to peers, shows at the
	// time zero of the driver: nanoseconds since 1970, or any other start. Default 0.
	ClockStart int64

	Suite  wire.Suite
	Suites []wire.Suite

	ForbidRoaming bool
	MaxDatagram   int
	MaxMessage    int
	MaxPeers      int

	IdleTimeout      time.Duration
	KeepAlive        time.Duration
	Unanswered       time.Duration
	HandshakeTimeout time.Duration
	// RetryDial has a first dial go on after a failed attempt, until AbandonDial or
	// ClosePeer.
	RetryDial bool
	// ForgetAfter is how long the *Peer stays the same if the peer returns.
	ForgetAfter time.Duration

	MaxHandshakes           int
	MaxHandshakesPerAddress int
	HandshakeRate           int
	// HandshakeBurst is how many handshakes may begin at once. Default a quarter of
	// HandshakeRate, at least 1; range 1 to 1,048,576.
	HandshakeBurst int
	// RekeyRate limits the rekeys that the endpoint takes part in each second, of
	// all sessions together. Default 200, about a tenth of a core; range 1 to
	// 1,048,576.
	RekeyRate int

	PeerRate, PeerBurst int
	PeerMessageRate     int
	PeerByteRate        int
	PeerBandwidth       int
	ReplayWindow        int

	RekeyAfterPackets int
	RekeyAfter        time.Duration

	Strikes      int
	StrikeWindow time.Duration

	SendQueueMessages, SendQueueBytes         int
	ReliableQueueMessages, ReliableQueueBytes int
	SendMemory                                int
}
