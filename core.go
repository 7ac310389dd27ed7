package intentra

import (
	"cmp"
	"context"
	"fmt"

	"github.com/intentra/intentra/conn"
)

// Core returns the configuration of the protocol core that a Transport with this
// Config would use: validated, with the defaults filled in, and without Rand,
// Deliver, Room and Touched, which belong to the driver, and with the clock of a
// simulation. It is for package sim and for tests that drive the core without a
// socket. The error is [ErrConfig].
func (c Config) Core() (conn.Config, error) {
	if c.Key == (PrivateKey{}) {
		return conn.Config{}, fmt.Errorf("%w: Key is not set; see GenerateKey and ReadPrivateKey", ErrConfig)
	}
	identity, err := conn.NewIdentity(c.Key)
	if err != nil {
		return conn.Config{}, fmt.Errorf("%w: Key: %w", ErrConfig, err)
	}
	cfg := conn.Config{
		Identity:                identity,
		Stages:                  c.Stages,
		BuildOptions:            c.BuildOptions,
		Logger:                  c.Logger,
		ClockStart:              simulatedStart.UnixNano() - int64(clockStart),
		Suite:                   c.Suite,
		Suites:                  c.Suites,
		ForbidRoaming:           c.ForbidRoaming,
		MaxDatagram:             c.MaxDatagram,
		MaxMessage:              c.MaxMessage,
		MaxPeers:                c.MaxPeers,
		IdleTimeout:             c.IdleTimeout,
		KeepAlive:               c.KeepAlive,
		Unanswered:              c.Unanswered,
		HandshakeTimeout:        c.HandshakeTimeout,
		RetryDial:               c.RetryDial,
		ForgetAfter:             c.ForgetAfter,
		MaxHandshakes:           c.MaxHandshakes,
		MaxHandshakesPerAddress: c.MaxHandshakesPerAddress,
		HandshakeRate:           c.HandshakeRate,
		PeerRate:                c.PeerRate,
		PeerBurst:               c.PeerBurst,
		PeerMessageRate:         c.PeerMessageRate,
		PeerByteRate:            c.PeerByteRate,
		PeerBandwidth:           c.PeerBandwidth,
		ReplayWindow:            c.ReplayWindow,
		RekeyAfterPackets:       c.RekeyAfterPackets,
		RekeyAfter:              c.RekeyAfter,
		Strikes:                 c.Strikes,
		StrikeWindow:            c.StrikeWindow,
		SendQueueMessages:       c.SendQueueMessages,
		SendQueueBytes:          c.SendQueueBytes,
		ReliableQueueMessages:   c.ReliableQueueMessages,
		ReliableQueueBytes:      c.ReliableQueueBytes,
		SendMemory:              c.SendMemory,
	}
	if authorize := c.Authorize; authorize != nil {
		cfg.Authorize = func(ctx context.Context, h conn.Handshake) bool {
			return authorize(ctx, Handshake{Key: h.Key, Addr: h.Addr})
		}
	}
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return conn.Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return cfg, nil
}

// withDefaults returns a copy with what the transport itself uses set to its
// defaults and checked, and the configuration of its core.
func (c Config) withDefaults() (Config, conn.Config, error) {
	core, err := c.Core()
	if err != nil {
		return c, core, err
	}
	c.Logger, c.MaxDatagram, c.MaxMessage = core.Logger, core.MaxDatagram, core.MaxMessage
	c.ReliableQueueBytes = core.ReliableQueueBytes
	c.ReceiveQueue = cmp.Or(c.ReceiveQueue, DefaultReceiveQueue)
	if c.ReceiveQueue < 1 || c.ReceiveQueue > mostReceiveQueue {
		return c, core, fmt.Errorf("%w: ReceiveQueue is %d, must be from 1 to %d", ErrConfig, c.ReceiveQueue, mostReceiveQueue)
	}
	c.Socket.MaxDatagram = max(c.Socket.MaxDatagram, c.MaxDatagram)
	return c, core, nil
}
