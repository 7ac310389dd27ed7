package conn

import (
	"log/slog"
	"slices"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/stages/ratelimit"
	"github.com/intentra/intentra/stages/replay"
	"github.com/intentra/intentra/wire"
)

// The defaults of [Config]. Some are lowered or raised to suit other fields that
// are set; see there.
const (
	DefaultMaxDatagram           = 8972 // a jumbo frame of 9,000 bytes less its headers
	DefaultMaxMessage            = ack.DefaultMaxMessage
	DefaultMaxPeers              = 1 << 17
	DefaultIdleTimeout           = 60 * time.Second
	DefaultKeepAlive             = time.Second
	DefaultUnanswered            = 2 * time.Second
	DefaultHandshakeTimeout      = 5 * time.Second
	DefaultForgetAfter           = 60 * time.Second
	DefaultMaxHandshakes         = 1024 // what the rate admits in HandshakeTimeout
	DefaultHandshakesPerAddress  = DefaultMaxHandshakes
	DefaultHandshakeRate         = 200
	DefaultRekeyRate             = 200
	DefaultPeerRate              = ratelimit.DefaultRate
	DefaultPeerBurst             = ratelimit.DefaultBurst
	DefaultPeerMessageRate       = ratelimit.DefaultMessageRate
	DefaultPeerByteRate          = ratelimit.DefaultByteRate
	DefaultPeerBandwidth         = mostCount // no limit
	DefaultReplayWindow          = replay.DefaultBits
	DefaultRekeyAfterPackets     = 1 << 27
	DefaultRekeyAfter            = 120 * time.Second
	DefaultStrikes               = 10
	DefaultStrikeWindow          = 5 * time.Second
	DefaultSendQueueMessages     = 1024
	DefaultSendQueueBytes        = 256 << 10
	DefaultReliableQueueMessages = 1024
	DefaultReliableQueueBytes    = 1 << 20
	DefaultSendMemory            = 64 << 20
)

const (
	handshakeBurstShare = 4 // of a second's admissions may come at once
	packetsPerHandshake = 5 // Inits, and as many Finals, that an address may send for each
)

// WithDefaults returns a copy of c in which every field that has a default and is
// zero is set to it. It changes no other field, so that what was wrong still is;
// see [Config.Validate]. If the fields that are set are in their ranges, the
// defaults do not contradict them.
func (c Config) WithDefaults() Config {
	c.defaultFunctions()
	if len(c.Suites) == 0 {
		c.Suites = []wire.Suite{wire.AESGCM, wire.ChaChaPoly}
	}
	c.Suites = slices.Clone(c.Suites)
	if c.Suite == 0 {
		c.Suite = wire.AESGCM
		if !slices.Contains(c.Suites, c.Suite) {
			c.Suite = c.Suites[0]
		}
	}
	setDefaults(c.counts())
	setDefaults(c.times())
	// One address may use all of HandshakeRate, so the packets of that many
	// handshakes, with some retries, must get past stage ratelimit before.
	r := &c.Chains.RateLimit
	if r.AddressRate == 0 {
		r.AddressRate = max(ratelimit.DefaultAddressRate, uint32(packetsPerHandshake*min(max(c.HandshakeRate, 0), mostRate)))
	}
	if r.AddressBurst == 0 {
		r.AddressBurst = max(r.AddressRate/2, 1)
	}
	return c
}

func (c *Config) defaultFunctions() {
	if c.Deliver == nil {
		c.Deliver = func(*Peer, *pipeline.Packet) bool { return true }
	}
	if c.Room == nil {
		c.Room = func(*Peer, uint32) bool { return true }
	}
	if c.GivenUp == nil {
		c.GivenUp = func(*Peer, uint32) {}
	}
	if c.Touched == nil {
		c.Touched = func(*Peer) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}
