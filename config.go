package intentra

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/recording"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/udp"
)

// ErrConfig is returned for a Config with a field that is out of its range or
// contradicts another one. The text names the field, its value and what it must
// be.
var ErrConfig = errors.New("intentra: invalid config")

// The defaults of [Config] that are numbers. Some are lowered or raised to suit
// other fields that are set; see there.
const (
	DefaultMaxDatagram           = conn.DefaultMaxDatagram
	DefaultMaxMessage            = conn.DefaultMaxMessage
	DefaultMaxPeers              = conn.DefaultMaxPeers
	DefaultIdleTimeout           = conn.DefaultIdleTimeout
	DefaultKeepAlive             = conn.DefaultKeepAlive
	DefaultUnanswered            = conn.DefaultUnanswered
	DefaultHandshakeTimeout      = conn.DefaultHandshakeTimeout
	DefaultForgetAfter           = conn.DefaultForgetAfter
	DefaultMaxHandshakes         = conn.DefaultMaxHandshakes
	DefaultHandshakesPerAddress  = conn.DefaultHandshakesPerAddress
	DefaultHandshakeRate         = conn.DefaultHandshakeRate
	DefaultPeerRate              = conn.DefaultPeerRate
	DefaultPeerBurst             = conn.DefaultPeerBurst
	DefaultPeerMessageRate       = conn.DefaultPeerMessageRate
	DefaultPeerByteRate          = conn.DefaultPeerByteRate
	DefaultPeerBandwidth         = conn.DefaultPeerBandwidth
	DefaultReplayWindow          = conn.DefaultReplayWindow
	DefaultRekeyAfterPackets     = conn.DefaultRekeyAfterPackets
	DefaultRekeyAfter            = conn.DefaultRekeyAfter
	DefaultStrikes               = conn.DefaultStrikes
	DefaultStrikeWindow          = conn.DefaultStrikeWindow
	DefaultSendQueueMessages     = conn.DefaultSendQueueMessages
	DefaultSendQueueBytes        = conn.DefaultSendQueueBytes
	DefaultReliableQueueMessages = conn.DefaultReliableQueueMessages
	DefaultReliableQueueBytes    = conn.DefaultReliableQueueBytes
	DefaultSendMemory            = conn.DefaultSendMemory
	DefaultReceiveQueue          = 1024
)

const mostReceiveQueue = 1 << 30

// Config configures a Transport. Key is required; a zero value of any other field
// means its default. [Listen] and [Dial] copy it, so later changes have no effect.
type Config struct {
	// Key is this side's identity. Required; see GenerateKey.
	Key PrivateKey
	// Authorize reports whether the peer of a handshake may connect to this side. Nil
	// refuses all, so that the transport only dials. It is called once the handshake
	// has proved possession of the key, on a goroutine for handshakes, and may take
	// long: other handshakes wait for it, packets do not. ctx ends with the handshake,
	// that is after HandshakeTimeout, when another handshake takes its place, or when
	// the transport closes; the result no longer matters then. A panic or
	// runtime.Goexit counts as a refusal. See [AllowAny] and [AllowList.Authorize].
	Authorize func(ctx context.Context, h Handshake) bool

	// Handler is called for each message, on the event loop: it must not block, as all
	// peers of the transport wait for it, and the payload is borrowed until it returns.
	// It may call every method of Transport and Peer: those that would have to wait
	// return [ErrInCallback], and Close does not wait. Without a Handler, messages are
	// queued for Receive, up to ReceiveQueue.
	//
	// A panic on the event loop is recovered and counted. runtime.Goexit, which a
	// failed assertion in a test calls, cannot be stopped: it is counted as well and
	// ends the loop, and with it the transport. Run then returns an error, and no call
	// blocks, but OnPeer may not be called for all peers.
	Handler func(m Received)
	// Room, if set, is called before a Reliable message of a peer on a channel is given to
	// the Handler, on the event loop like it. False leaves the message unacknowledged: the
	// peer keeps it and sends it again, so that it is slowed down and nothing is lost. Messages
	// of other channels do not wait for it. Room has no effect without a Handler.
	Room func(*Peer, uint32) bool
	// OnPeer is called when a peer connects or disconnects, on the event loop like
	// Handler.
	OnPeer func(PeerEvent)
	// OnDelivery is called once for each message with a Token that was queued, with its
	// outcome, on the event loop like Handler. When the transport closes it is called
	// for all messages that are left. Without it, tokens have no effect.
	OnDelivery func(Delivery)
	// OnGivenUp is called when a peer has given up Reliable messages of a channel, one
	// or more that follow each other, because their TTL had ended: after those before
	// them were given to the Handler, and before those after them, on the event loop
	// like it. With Receive, earlier messages may still wait to be received.
	OnGivenUp func(p *Peer, channel uint32)

	// Stages may insert, replace and remove stages of the default chains:
	//
	//	Stages: func(s *stages.Set) error {
	//		s.InsertAfter("ack", geofence)               // inbound, for each message
	//		s.Outbound.InsertBefore("pack", compressor)  // outbound, for each message
	//		return nil
	//	}
	//
	// Listen fails if the result cannot be built. Nil leaves the default chains.
	Stages func(s *stages.Set) error
	// BuildOptions are passed to Build of both chains, such as
	// [pipeline.InsecureWithout].
	BuildOptions []pipeline.Option

	// Suite is the cipher suite to dial with. Default: AESGCM if Suites has it,
	// else the first of Suites.
	Suite Suite
	// Suites are those accepted from dialers. Default: all. Suite need not be
	// among them.
	Suites []Suite

	// Logger gets what an operator wants to know: peers, handshake failures,
	// panics. It never gets private keys or payloads. A peer is always in the
	// attribute peer, with its public key, an address in addr, a reason in reason and
	// an error in err. Nil discards.
	Logger *slog.Logger

	// ForbidRoaming keeps a session at the address where it was opened. Default:
	// false, a session follows its peer to a new address.
	ForbidRoaming bool
	// MaxDatagram is the largest datagram to send and to receive, in bytes of UDP
	// payload. The smaller value of the two sides applies. Datagrams begin with
	// 1,172 bytes on IPv4 and 1,232 on IPv6 and become as large as the path
	// carries (RFC 8899), at most 8,972. Default 8,972, range 256 to 65,507.
	MaxDatagram int
	// MaxMessage is the largest message to send and to receive, in bytes of payload. The
	// smaller value of the two sides applies. Messages that do not fit a datagram are sent
	// in fragments. Realtime and Latest messages are at most 64 KiB, and Reliable ones
	// ReliableQueueBytes, even if it is more. Default 64 KiB, range 1 byte, which means
	// no fragments, to 1 MiB.
	MaxMessage int
	// MaxPeers limits the peers known at a time, connected or remembered. Default
	// 131,072, range 1 to 262,144.
	MaxPeers int

	// IdleTimeout ends a session from which nothing has come for that long. It is how
	// soon a side that does not dial notices that a peer has died. It is announced to
	// the peer, whose keep-alives come at least four times as often. Default 60 s,
	// range 500 ms to 10 years.
	IdleTimeout time.Duration
	// KeepAlive is how long a side that dials the peer waits without a packet
	// before it asks for a sign of life, or less if the peer's IdleTimeout requires
	// it. Default 1 s, or half of IdleTimeout if that is less; range 1 ms to half of
	// IdleTimeout, and at least 4 s divided by PeerRate.
	KeepAlive time.Duration
	// Unanswered is how long packets stay unacknowledged before a side that dials
	// the peer begins another handshake. Default 2 s, or IdleTimeout if that is
	// less; range 250 ms (a peer may take 200 ms to acknowledge) to IdleTimeout.
	Unanswered time.Duration
	// HandshakeTimeout bounds one attempt to connect, with its retries, and a
	// handshake that this side answers. An attempt that the other side asks to wait for
	// its turn may last up to four times as long. Default 5 s, range 200 ms (the first
	// retry comes after 100 ms) to 10 years.
	HandshakeTimeout time.Duration
	// RetryDial has Dial go on after a failed attempt, until its context ends, so that
	// a peer may start before the one that it dials. Default: false, Dial fails with
	// the first attempt, of each address.
	RetryDial bool
	// ForgetAfter is how long a peer is remembered that has no session and that
	// this side does not dial: it stays the same [Peer], with its counters, its
	// rate limit and its strikes, if it returns in that time. At MaxPeers the one
	// that has been gone longest is forgotten early. Default 60 s, or StrikeWindow
	// if that is more; range StrikeWindow to 10 years.
	ForgetAfter time.Duration

	// MaxHandshakes limits the handshakes in flight that this side answers; each takes
	// up to 5 kB. Those beyond it wait. It is limited further as long as the worker is
	// slow. Default 1,024, range 1 to 65,536.
	MaxHandshakes int
	// MaxHandshakesPerAddress limits those from one IPv4 address or IPv6 /64.
	// Default MaxHandshakes; range 1 to MaxHandshakes.
	MaxHandshakesPerAddress int
	// HandshakeRate limits how many handshakes this side begins to answer each
	// second; up to 1,024 more wait for their turn. Addresses share it fairly; a single
	// one may use all of it while no other needs its share. Default 200, range 1 to 1,048,576.
	HandshakeRate int

	// PeerRate and PeerBurst limit the packets that are accepted from each peer,
	// per second and at once. They are announced to the peer, which keeps to them.
	// Defaults 10,000 and 500, ranges 16 to 2^30 and 1 to 2^30.
	PeerRate, PeerBurst int
	// PeerMessageRate limits the messages in these packets, per second, and
	// PeerByteRate the bytes of their payloads. They are announced too. Bursts last as
	// long as that of the packets, PeerBurst / PeerRate seconds, but are at least 64
	// messages and 64 KiB. Defaults 320,000 and 32 MiB, raised in proportion if
	// PeerRate is more than its default; ranges 16 to 2^30 and 65,536 to 2^30.
	PeerMessageRate, PeerByteRate int
	// PeerBandwidth limits the bytes of datagrams per second that are sent to each
	// peer, for a link that is slower than what is sent. What exceeds it waits in the
	// queue, where newer states replace older ones. Default 2^30, which means unlimited;
	// range 4,096 to 2^30.
	PeerBandwidth int
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
	// SendMemory limits the memory of the send queues of all peers together, in bytes.
	// A queue may grow as long as it is no larger than what is left, so the largest is
	// held back first, and n peers that take nothing leave 1/(n+1) of it for another
	// one. A queue that may not grow behaves as if it were full: new states replace
	// older ones, and Reliable messages are refused. Default 64 MiB, or 8 times the
	// limits above if that is more; range 256 KiB to 2^30.
	SendMemory int
	// ReceiveQueue is how many messages of one peer are kept for Receive, Reliable
	// ones and the others separately. Of the others the newest are kept. Default
	// 1,024, range 1 to 2^30.
	ReceiveQueue int

	// Record, if set, records everything that the protocol core receives and
	// sends, for "intentra replay" and Wireshark. A Writer records one transport;
	// close it after the transport.
	Record *recording.Writer

	// Socket configures the socket.
	Socket udp.Config
}
