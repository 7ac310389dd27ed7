package intentra

import (
	"fmt"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/stages/ratelimit"
)

// Core returns what a Transport with this Config would configure its protocol
// core with: validated, with the defaults filled in, and without Rand, Deliver,
// Room and Touched, which belong to the driver. It is for package sim and for
// tests that drive the core without a socket. The error is [ErrConfig].
func (c Config) Core() (conn.Config, error) {
	c, err := c.withDefaults()
	if err != nil {
		return conn.Config{}, err
	}
	return c.core()
}

// core is Core of what withDefaults has returned.
func (c Config) core() (conn.Config, error) {
	identity, err := conn.NewIdentity(c.Key)
	if err != nil {
		return conn.Config{}, fmt.Errorf("intentra: %w", err)
	}
	cfg := conn.Config{
		Identity:                identity,
		Stages:                  c.Stages,
		BuildOptions:            c.BuildOptions,
		Logger:                  c.Logger,
		Suite:                   c.Suite,
		Suites:                  c.Suites,
		ForbidRoaming:           c.ForbidRoaming,
		MaxDatagram:             c.MaxDatagram,
		MaxPeers:                c.MaxPeers,
		IdleTimeout:             c.IdleTimeout,
		KeepAlive:               c.KeepAlive,
		HandshakeTimeout:        c.HandshakeTimeout,
		Unanswered:              c.Unanswered,
		MaxHandshakes:           c.MaxHandshakes,
		MaxHandshakesPerAddress: c.MaxHandshakesPerAddress,
		HandshakeRate:           c.HandshakeRate,
		HandshakeBurst:          max(c.HandshakeRate/handshakeBurstShare, 1),
		RekeyRate:               rekeysPerSecond,
		PeerRate:                c.PeerRate,
		PeerBurst:               c.PeerBurst,
		RekeyAfterPackets:       c.RekeyAfterPackets,
		RekeyAfter:              c.RekeyAfter,
		Strikes:                 c.Strikes,
		StrikeWindow:            c.StrikeWindow,
		SendQueueMessages:       c.SendQueueMessages,
		SendQueueBytes:          c.SendQueueBytes,
		ReliableQueueMessages:   c.ReliableQueueMessages,
		ReliableQueueBytes:      c.ReliableQueueBytes,
	}
	cfg.Chains.Replay.Bits = c.ReplayWindow
	// One address may use all of HandshakeRate, so the packets of that many
	// handshakes, with some retries, must get past the stage before.
	limit := max(ratelimit.DefaultAddressRate, packetsPerHandshake*c.HandshakeRate)
	cfg.Chains.RateLimit.AddressRate, cfg.Chains.RateLimit.AddressBurst = uint32(limit), uint32(limit/2)
	if authorize := c.Authorize; authorize != nil {
		cfg.Authorize = func(k [conn.KeySize]byte) bool { return authorize(k) }
	}
	return cfg, nil
}
