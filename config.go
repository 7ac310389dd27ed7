package intentra

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/recording"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/udp"
	"github.com/intentra/intentra/wire"
)

// ErrConfig: a field of Config cannot be used as it is.
var ErrConfig = errors.New("intentra: invalid config")

// Defaults of Config.
const (
	DefaultMaxDatagram           = 1232 // IPv6's least MTU of 1,280 less its headers
	DefaultMaxPeers              = 1 << 17
	DefaultIdleTimeout           = 60 * time.Second
	DefaultKeepAlive             = time.Second
	DefaultUnanswered            = 2 * time.Second
	DefaultHandshakeTimeout      = 5 * time.Second
	DefaultMaxHandshakes         = 100
	DefaultHandshakesPerAddress  = 5
	DefaultHandshakeRate         = 200
	DefaultPeerRate              = 10_000
	DefaultPeerBurst             = 500
	DefaultReplayWindow          = 8192
	DefaultRekeyAfterPackets     = 1 << 27
	DefaultRekeyAfter            = 120 * time.Second
	DefaultStrikes               = 10
	DefaultStrikeWindow          = 5 * time.Second
	DefaultSendQueueMessages     = 1024
	DefaultSendQueueBytes        = 256 << 10
	DefaultReliableQueueMessages = 1024
	DefaultReliableQueueBytes    = 1 << 20
	DefaultReceiveQueue          = 1024
	rekeysPerSecond              = 200 // about a tenth of a core
	handshakeBurstShare          = 4   // of a second's admissions may come at once
	packetsPerHandshake          = 5   // Inits, and as many Finals, that an address may send for each
	maxReplayWindow              = 65536
	leastTime                    = time.Millisecond
	mostTime                     = 10 * 365 * 24 * time.Hour // so that adding to a time cannot overflow
)

// Config says what a Transport is and how it behaves. All zero values but Key
// work. It is copied: what is changed later has no effect.
type Config struct {
	// Key is this side's identity. Required; see GenerateKey.
	Key PrivateKey
	// Authorize says whether a key may connect to us. Without it nobody may,
	// and the transport only dials. It is asked once a handshake has proved
	// possession of the key, on a goroutine of its own, and may take its time:
	// other handshakes wait, packets do not. A panic or runtime.Goexit there is
	// a no. See AllowAny and AllowList.
	Authorize func(PublicKey) bool

	// Handler is called for each message, on the event loop: it must not
	// block, and m.Payload is borrowed until it returns. It may call Send and
	// Broadcast, but not Close, Shutdown or Dial, which wait for the loop.
	// Without a Handler, messages wait in bounded queues for Receive.
	//
	// A panic on the event loop is recovered and counted. runtime.Goexit, as a
	// failed assertion of a test calls, ends the loop and with it the transport;
	// called once more while that ends, as by OnPeer, it has Close wait forever.
	Handler func(p *Peer, m Message)
	// OnPeer is told when peers come and go, on the event loop like Handler.
	OnPeer func(PeerEvent)

	// Stages may insert, replace and remove stages of the default chains:
	//
	//	Stages: func(s *stages.Set) error {
	//		s.InsertAfter("ack", geofence)               // inbound, once a message
	//		s.Outbound.InsertBefore("pack", compressor)  // outbound, once a message
	//		return nil
	//	}
	//
	// Listen fails if the result cannot be built.
	Stages func(s *stages.Set) error
	// BuildOptions are passed to both Builds, such as pipeline.InsecureWithout.
	BuildOptions []pipeline.Option

	// Suite is the cipher suite to dial with, AESGCM by default; Suites are
	// those that are accepted, all by default.
	Suite  Suite
	Suites []Suite

	// Logger gets what an operator wants to know: peers, handshake troubles,
	// panics. It never gets keys or payloads. Nil discards.
	Logger *slog.Logger

	// ForbidRoaming keeps a session at the address where it was opened.
	ForbidRoaming bool
	// MaxDatagram is the largest datagram to send and to receive, in bytes of
	// UDP payload, from 256 to 65,507. The smaller of both sides' holds.
	MaxDatagram int
	// MaxPeers limits the peers known at a time, connected or lately so.
	MaxPeers int

	// IdleTimeout ends a session from which nothing has come. A dialer asks
	// for a sign of life after KeepAlive without one, and dials again when
	// packets have been unanswered for Unanswered.
	IdleTimeout, KeepAlive, Unanswered time.Duration
	// HandshakeTimeout bounds one attempt to connect, with its retries.
	HandshakeTimeout time.Duration

	// MaxHandshakes limits the handshakes in flight that we answer, in all,
	// MaxHandshakesPerAddress those from one IPv4 address or IPv6 /64, and
	// HandshakeRate how many are begun in a second. Addresses take turns at it:
	// one alone may use all of it, but keeps nobody else from his turn.
	MaxHandshakes, MaxHandshakesPerAddress, HandshakeRate int

	// PeerRate and PeerBurst limit the packets that are accepted from each
	// peer, per second and at once. They are announced to the peer, which
	// keeps to them.
	PeerRate, PeerBurst int
	// ReplayWindow is how far packets may be out of order, in packets: a power
	// of two from 64 to 65,536.
	ReplayWindow int

	// RekeyAfterPackets and RekeyAfter say when a session changes its keys:
	// after that many packets in a direction, at most 2^27, or that long
	// (plus or minus a fifth) if messages have flowed.
	RekeyAfterPackets int
	RekeyAfter        time.Duration

	// Strikes protocol violations within StrikeWindow close a peer's session.
	Strikes      int
	StrikeWindow time.Duration

	// SendQueue limits bound what waits to be sent to one peer, Realtime and
	// Latest together; ReliableQueue limits bound Reliable messages.
	SendQueueMessages, SendQueueBytes         int
	ReliableQueueMessages, ReliableQueueBytes int
	// ReceiveQueue is how many messages of one peer wait for Receive, for
	// Reliable ones and for the others apart. Of the others the newest stay.
	ReceiveQueue int

	// Record, if set, records everything that the protocol core receives and
	// sends, for "intentra replay" and Wireshark. A Writer records one transport;
	// close it after the transport.
	Record *recording.Writer

	// Socket configures the socket.
	Socket udp.Config
}

// withDefaults returns a validated copy.
func (c Config) withDefaults() (Config, error) {
	if c.Key == (PrivateKey{}) {
		return c, fmt.Errorf("%w: Key is not set; see GenerateKey and ReadPrivateKey", ErrConfig)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Suite == 0 {
		c.Suite = AESGCM
	}
	if len(c.Suites) == 0 {
		c.Suites = []Suite{AESGCM, ChaChaPoly}
	}
	c.Suites = slices.Clone(c.Suites)
	if !c.Suite.Valid() {
		return c, fmt.Errorf("%w: Suite is %d, which is unknown", ErrConfig, c.Suite)
	}
	for _, s := range c.Suites {
		if !s.Valid() {
			return c, fmt.Errorf("%w: Suites has %d, which is unknown", ErrConfig, s)
		}
	}
	for _, f := range c.counts() {
		if *f.value == 0 {
			*f.value = f.standard
		}
		if *f.value < f.least || *f.value > f.most {
			return c, fmt.Errorf("%w: %s is %d, must be from %d to %d", ErrConfig, f.name, *f.value, f.least, f.most)
		}
	}
	for _, f := range c.times() {
		if *f.value == 0 {
			*f.value = f.standard
		}
		if *f.value < leastTime || *f.value > mostTime {
			return c, fmt.Errorf("%w: %s is %v, must be from %v to %v", ErrConfig, f.name, *f.value, leastTime, mostTime)
		}
	}
	if c.ReplayWindow&(c.ReplayWindow-1) != 0 {
		return c, fmt.Errorf("%w: ReplayWindow is %d, must be a power of two", ErrConfig, c.ReplayWindow)
	}
	c.Socket.MaxDatagram = max(c.Socket.MaxDatagram, c.MaxDatagram)
	if _, err := conn.NewIdentity(c.Key); err != nil {
		return c, fmt.Errorf("%w: Key: %w", ErrConfig, err)
	}
	return c, nil
}

type count struct {
	name                  string
	value                 *int
	standard, least, most int
}

func (c *Config) counts() []count {
	const many = 1 << 30
	return []count{
		{"MaxDatagram", &c.MaxDatagram, DefaultMaxDatagram, wire.MinDatagram, wire.MaxDatagram},
		{"MaxPeers", &c.MaxPeers, DefaultMaxPeers, 1, pipeline.MaxIDs / 4},
		{"MaxHandshakes", &c.MaxHandshakes, DefaultMaxHandshakes, 1, 1 << 16},
		{"MaxHandshakesPerAddress", &c.MaxHandshakesPerAddress, DefaultHandshakesPerAddress, 1, 1 << 16},
		{"HandshakeRate", &c.HandshakeRate, DefaultHandshakeRate, 1, 1 << 20},
		{"PeerRate", &c.PeerRate, DefaultPeerRate, 1, many},
		{"PeerBurst", &c.PeerBurst, DefaultPeerBurst, 1, many},
		{"ReplayWindow", &c.ReplayWindow, DefaultReplayWindow, 64, maxReplayWindow},
		{"RekeyAfterPackets", &c.RekeyAfterPackets, DefaultRekeyAfterPackets, 16, DefaultRekeyAfterPackets},
		{"Strikes", &c.Strikes, DefaultStrikes, 1, 1 << 10},
		{"SendQueueMessages", &c.SendQueueMessages, DefaultSendQueueMessages, 1, many},
		{"SendQueueBytes", &c.SendQueueBytes, DefaultSendQueueBytes, wire.MaxDatagram, many},
		{"ReliableQueueMessages", &c.ReliableQueueMessages, DefaultReliableQueueMessages, 1, many},
		{"ReliableQueueBytes", &c.ReliableQueueBytes, DefaultReliableQueueBytes, wire.MaxDatagram, many},
		{"ReceiveQueue", &c.ReceiveQueue, DefaultReceiveQueue, 1, many},
	}
}

type duration struct {
	name     string
	value    *time.Duration
	standard time.Duration
}

func (c *Config) times() []duration {
	return []duration{
		{"IdleTimeout", &c.IdleTimeout, DefaultIdleTimeout},
		{"KeepAlive", &c.KeepAlive, DefaultKeepAlive},
		{"Unanswered", &c.Unanswered, DefaultUnanswered},
		{"HandshakeTimeout", &c.HandshakeTimeout, DefaultHandshakeTimeout},
		{"RekeyAfter", &c.RekeyAfter, DefaultRekeyAfter},
		{"StrikeWindow", &c.StrikeWindow, DefaultStrikeWindow},
	}
}
