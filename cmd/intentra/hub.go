package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/console"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
	"github.com/intentra/intentra/metrics"
)

type hubCmd struct {
	Listen hubAddress     `required:"" placeholder:"ADDR" help:"HOST:PORT to listen on; port 0 picks a free one. A UDP socket that systemd passes wins over it; 'systemd' accepts nothing else."`
	Key    fileName       `required:"" placeholder:"FILE" help:"Our private key file."`
	Access fileName       `required:"" placeholder:"FILE|any" help:"Who may connect, under which name, and what they may publish and subscribe to: see above. SIGHUP reloads it."`
	Gather *time.Duration `placeholder:"TIME" help:"How long updates may wait for others, so that packets are full. Default 2ms, and with more than 100 subscribers 20us for each, at most 10ms. Up to ${max_gather}; 0 disables it."`
	handshakeFlags
	socketFlags
	metricsFlag
	pageFlags
	foxgloveFlags
	recordFlags
	configFlag
}

func (c *hubCmd) Help() string {
	return `Peers publish topics with 'pub --topic' and subscribe to them with 'sub --topic'. Prints 'listening HOST:PORT key PUBKEY' on
standard error, and a JSON summary when it ends.

The access list has a line for each key:

  PUBKEY [NAME] [publish=PATTERN,...] [subscribe=PATTERN,...] [until=DATE]

A peer publishes its topics as NAME/TOPIC. In patterns, * matches one level, or a part of one, and a final ** any number of
levels. By default a peer may publish any topic under its own name, and subscribe to everything. docs/HUB.md describes the protocol
and the limits.

As a service of systemd with Type=notify, the hub reports that it is ready, reloads and stops, and keeps WatchdogSec satisfied as
long as its event loop turns.`
}

func (c *hubCmd) check(e *environment) error {
	if g := c.Gather; g != nil && (*g < 0 || *g > hub.MaxGather) {
		return usagef("hub: --gather is %v; give a duration up to %v, or 0 to disable it", *g, hub.MaxGather)
	}
	return errors.Join(c.handshakeFlags.check("hub"), c.socketFlags.check("hub"), c.foxgloveFlags.check(), c.pageFlags.check(e, c.Foxglove))
}

// prepare checks the flags and reads the files that they name.
func (c *hubCmd) prepare(e *environment) (key intentra.PrivateKey, file *accessFile, access *hub.Access, err error) {
	if err := c.check(e); err != nil {
		return key, nil, nil, err
	}
	if key, err = readKey(e, c.Key); err != nil {
		return key, nil, nil, err
	}
	file, access, err = readAccess(e, c.Access, key)
	return key, file, access, err
}

func (c *hubCmd) Run(e *environment) (err error) {
	hangups := e.takeHangups()
	defer hangups.stop()
	key, file, access, err := c.prepare(e)
	if err != nil {
		return err
	}
	m, err := listenMetrics(c.Metrics)
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	defer m.close()
	page, err := c.pageFlags.open(e, c.Foxglove)
	if err != nil {
		return err
	}
	defer page.close()
	viewers, err := c.foxgloveFlags.open(&c.pageFlags)
	if err != nil {
		return err
	}
	defer viewers.close()
	rec, err := c.recordFlags.open(e)
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	defer func() { err = rec.close(e, err) }()

	log := e.logger(slog.LevelInfo)
	names := newNames(access)
	peers := newPeerLog(log, names.of)
	var events console.Events
	onPeer := func(ev intentra.PeerEvent) { peers.add(ev); events.PeerEvent(ev) }
	cfg := hub.Config{Access: access, Logger: log, OnPeer: onPeer, OnPresence: names.add, Fleet: viewers.fleet()}
	if c.Gather != nil {
		cfg.Gather = cmp.Or(*c.Gather, -1)
	}
	cfg.Transport = hubTransport(key)
	c.handshakeFlags.apply(&cfg.Transport)
	cfg.Transport.Socket, cfg.Transport.PeerBandwidth = c.socketFlags.config(), valueOr(c.PeerBandwidth, 0)
	cfg.Transport.Logger, cfg.Transport.Record = named(e.logger(slog.LevelWarn), names.of), rec.writer()
	addr, inherited, err := c.Listen.open(os.Getenv, firstInherited)
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	cfg.Transport.Socket.PacketConn = inherited
	h, err := hub.Listen(addr, cfg)
	if err != nil {
		peers.close()
		return fmt.Errorf("hub: %w", err)
	}
	start := time.Now()
	service := newService(os.Getenv)
	defer service.close()
	file.reloadOnHangup(hangups, h, log, &events, service)
	announce(e, h.Transport())
	if err := serveViews(e, h, m, page, viewers, &events); err != nil {
		return errors.Join(fmt.Errorf("hub: %w", err), h.Close())
	}
	service.ready()
	unwatch := service.watch(h)

	told := service.stoppingAfter(e.ctx)
	err = h.Run(e.ctx)
	unwatch()
	told()
	hangups.stop()
	peers.close()
	if summaryErr := e.summarize(summarizeHub(h, time.Since(start))); err == nil {
		err = summaryErr
	}
	return err
}

// serveViews serves the metrics, the page and Foxglove, each if it was asked for.
func serveViews(e *environment, h *hub.Hub, m *metricsServer, page *pageServer, viewers *foxgloveServer, events *console.Events) error {
	more := append(viewers.collectors(), metrics.NewHubCollector(h))
	m.serve(e, h.Transport(), more...)
	if page != nil {
		if err := page.show(console.Config{Hub: h, Name: hostName(), Events: events}, h.Transport(), more...); err != nil {
			return err
		}
		fmt.Fprintf(e.stderr, "page %s\n", page.url("http"))
	}
	if viewers != nil {
		viewers.show(h)
		fmt.Fprintf(e.stderr, "foxglove %s\n", viewers.url("ws"))
	}
	return nil
}

// What we chose. A hub's loop may read hundreds of datagrams from many publishers
// before it sends anything. A subscriber's queues must hold the messages of one
// such turn, otherwise a subscriber that keeps up would be treated as slow.
const (
	hubStateMessages    = 1 << 12
	hubStateBytes       = 1 << 20
	hubReliableMessages = 1 << 16
	hubReliableBytes    = 16 << 20
)

// hubTransport returns the configuration of a hub's transport.
func hubTransport(key intentra.PrivateKey) intentra.Config {
	return intentra.Config{
		Key:               key,
		SendQueueMessages: hubStateMessages, SendQueueBytes: hubStateBytes,
		ReliableQueueMessages: hubReliableMessages, ReliableQueueBytes: hubReliableBytes,
	}
}

// hubSummary is the JSON line at the end of the output. It counts updates.
type hubSummary struct {
	Received  uint64     `json:"received"`
	Sent      uint64     `json:"sent"`      // queued to subscribers
	Conflated uint64     `json:"conflated"` // held back by the maximum rate of a subscription
	Filtered  uint64     `json:"filtered"`  // outside of the area of a subscription
	Slow      uint64     `json:"slow"`      // subscriptions that ended because the subscriber did not keep up
	Drops     load.Drops `json:"drops"`
	DurationS float64    `json:"duration_s"`
}

func summarizeHub(h *hub.Hub, d time.Duration) hubSummary {
	s := h.Stats()
	return hubSummary{
		Received: s.Received, Sent: s.Sent + s.Cached, Conflated: s.Conflated, Filtered: s.Filtered, Slow: s.Slow,
		Drops: hubDrops(h), DurationS: seconds(d),
	}
}

// hubDrops returns the drops of a hub and of its transport.
func hubDrops(h *hub.Hub) load.Drops {
	drops := load.DropsOf(h.Transport().Stats())
	s := h.Stats()
	for i, n := range s.Drops {
		drops.Count("hub", hub.DropReason(i).String(), n)
	}
	drops.Count("hub", "refused", s.Refused)
	return drops
}

// hostName returns the name of this machine, for the page.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "hub"
	}
	return name
}
