package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/load"
)

type hubCmd struct {
	Listen listenAddress `required:"" placeholder:"ADDR" help:"HOST:PORT to listen on; port 0 picks a free one."`
	Key    fileName      `required:"" placeholder:"FILE" help:"Our private key file."`
	Allow  fileName      `required:"" placeholder:"FILE|any" help:"The keys that may connect: a file with a public key and an optional name on each line. SIGHUP reloads it."`
	handshakeFlags
	socketFlags
	metricsFlag
	recordFlags
}

func (c *hubCmd) Help() string {
	return "Every peer publishes to all the others and receives from all of them. Subscribers receive each channel of each publisher on a separate channel. " +
		"A peer that does not keep up loses old states; if it does not keep up with reliable messages, it is disconnected. " +
		"Prints 'listening HOST:PORT key PUBKEY' on standard error, and a JSON summary when it ends."
}

func (c *hubCmd) Run(e *environment) (err error) {
	if err := errors.Join(c.handshakeFlags.check("hub"), c.socketFlags.check("hub")); err != nil {
		return err
	}
	key, err := readKey(e, c.Key)
	if err != nil {
		return err
	}
	allow, err := readAllow(e, c.Allow, key)
	if err != nil {
		return err
	}
	m, err := listenMetrics(c.Metrics)
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	defer m.close()
	rec, err := c.recordFlags.open(e)
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	defer func() { err = rec.close(e, err) }()

	log := e.logger(slog.LevelInfo)
	peers := newPeerLog(log, allow.name)
	r := newRelay()
	cfg := relayConfig(key, r)
	c.handshakeFlags.apply(&cfg)
	cfg.Socket = c.socketFlags.config()
	cfg.Authorize, cfg.Logger, cfg.Record = allow.allows, e.logger(slog.LevelWarn), rec.writer()
	cfg.OnPeer = func(e intentra.PeerEvent) { r.peerEvent(e); peers.add(e) }
	t, err := intentra.Listen(string(c.Listen), cfg)
	if err != nil {
		peers.close()
		return fmt.Errorf("hub: %w", err)
	}
	start := time.Now()
	stop := allow.reloadOnHangup(t, log)
	announce(e, t)
	m.serve(e, t)

	err = t.Run(e.ctx)
	stop()
	peers.close()
	if summaryErr := e.summarize(r.summary(t.Stats(), time.Since(start))); err == nil {
		err = summaryErr
	}
	return err
}

// hubSummary is the JSON line at the end of the output. It counts messages.
type hubSummary struct {
	Received   uint64     `json:"received"`
	Relayed    uint64     `json:"relayed"`     // queued to subscribers
	Unmapped   uint64     `json:"unmapped"`    // dropped: too many channels
	SlowClosed uint64     `json:"slow_closed"` // subscribers disconnected for a full Reliable queue
	Drops      load.Drops `json:"drops"`
	DurationS  float64    `json:"duration_s"`
}

func (r *relay) summary(s intentra.Stats, d time.Duration) hubSummary {
	return hubSummary{
		Received: r.received.Load(), Relayed: r.relayed.Load(), Unmapped: r.unmapped.Load(),
		SlowClosed: r.slowClosed.Load(), Drops: load.DropsOf(s), DurationS: seconds(d),
	}
}
