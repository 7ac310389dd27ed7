package ours

import (
	"crypto/rand"
	"log/slog"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// newCore returns a core with the defaults of intentra.Config, which drops the
// messages that come in.
func newCore() (*conn.Endpoint, error) {
	identity, err := newStatic()
	if err != nil {
		return nil, err
	}
	const handshakes = intentra.DefaultHandshakeRate
	cfg := conn.Config{
		Static:                  identity,
		Rand:                    rand.Reader,
		Authorize:               func([noise.KeySize]byte) bool { return false },
		Deliver:                 func(*conn.Peer, *pipeline.Packet) bool { return true },
		Room:                    func(*conn.Peer) bool { return true },
		Touched:                 func(*conn.Peer) {},
		Logger:                  slog.New(slog.DiscardHandler),
		Suite:                   wire.AESGCM,
		Suites:                  []wire.Suite{wire.AESGCM},
		MaxDatagram:             intentra.DefaultMaxDatagram,
		MaxPeers:                intentra.DefaultMaxPeers,
		IdleTimeout:             intentra.DefaultIdleTimeout,
		KeepAlive:               intentra.DefaultKeepAlive,
		Unanswered:              intentra.DefaultUnanswered,
		HandshakeTimeout:        intentra.DefaultHandshakeTimeout,
		MaxHandshakes:           intentra.DefaultMaxHandshakes,
		MaxHandshakesPerAddress: intentra.DefaultHandshakesPerAddress,
		HandshakeRate:           handshakes,
		HandshakeBurst:          handshakes,
		RekeyRate:               handshakes,
		PeerRate:                intentra.DefaultPeerRate,
		PeerBurst:               intentra.DefaultPeerBurst,
		RekeyAfterPackets:       intentra.DefaultRekeyAfterPackets,
		RekeyAfter:              intentra.DefaultRekeyAfter,
		Strikes:                 intentra.DefaultStrikes,
		StrikeWindow:            intentra.DefaultStrikeWindow,
		Queue: sendq.Limits{
			StateMessages: intentra.DefaultSendQueueMessages, StateBytes: intentra.DefaultSendQueueBytes,
			ReliableMessages: intentra.DefaultReliableQueueMessages, ReliableBytes: intentra.DefaultReliableQueueBytes,
		},
	}
	cfg.Chains.Replay.Bits = intentra.DefaultReplayWindow
	return conn.New(cfg)
}

func newStatic() (*noise.Static, error) {
	key, err := intentra.GenerateKey()
	if err != nil {
		return nil, err
	}
	return noise.NewStatic(key)
}
