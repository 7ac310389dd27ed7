package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/nowait"
)

type subCmd struct {
	Listen  listenAddress      `placeholder:"ADDR" help:"Listen on HOST:PORT for publishers; port 0 picks a free one."`
	Allow   fileName           `placeholder:"FILE|any" help:"With --listen: the keys that may connect, a file with a public key and an optional name on each line. SIGHUP reloads it."`
	Connect dialAddress        `placeholder:"ADDR" help:"Or connect to a hub, or a publisher that listens, at HOST:PORT; several with commas between them are tried in turn."`
	Peer    intentra.PublicKey `placeholder:"PUBKEY" help:"With --connect: the public key that the other side must have."`
	Key     fileName           `required:"" placeholder:"FILE" help:"Our private key file."`
	Suite   intentra.Suite     `default:"aesgcm" enum:"aesgcm,chachapoly" help:"With --connect: the cipher suite, ${enum}."`
	Count   uint64             `placeholder:"N" help:"End after N messages; 0, the default, means no limit."`
	Timeout time.Duration      `placeholder:"D" help:"End after this long, such as 30s, with the time to connect; 0s, the default, means no limit. With --count, fewer than N messages within this time are a failure."`
	retryFlag
	topicFlags
	handshakeFlags
	socketFlags
	metricsFlag
	recordFlags
	configFlag
}

func (c *subCmd) Help() string {
	return "Prints 'listening HOST:PORT key PUBKEY' (our own key) or 'connected HOST:PORT key PUBKEY' (the other side's) on standard error once it can receive, " +
		"and a JSON summary when it ends, unless it has not connected."
}

func (c *subCmd) check() error {
	listening, connecting := c.Listen != "", c.Connect != ""
	hasPeer := c.Peer != intentra.PublicKey{}
	switch {
	case listening && (connecting || hasPeer), connecting && c.Allow != "":
		return usagef("sub: --listen and --allow exclude --connect and --peer: either publishers connect to us, or we connect to a hub")
	case listening && c.Allow == "":
		return usagef("sub: --listen needs --allow FILE to say who may connect, or --allow any")
	case connecting && !hasPeer:
		return usagef("sub: --connect needs --peer PUBKEY, the key that the other side must have")
	case !listening && !connecting:
		return usagef("sub: needs --listen ADDR --allow FILE, or --connect ADDR --peer PUBKEY")
	case c.Topic != "" && !connecting:
		return usagef("sub: --topic needs --connect to a hub")
	case c.Topic == "" && c.topicFlags.given():
		return usagef("sub: --max-rate, --cached and --area need --topic")
	case listening && c.Retry:
		return usagef("sub: --retry needs --connect")
	case listening && c.Suite != intentra.AESGCM:
		return usagef("sub: --suite needs --connect; a subscriber that listens accepts all suites")
	case c.Timeout < 0:
		return usagef("sub: --timeout is %v; give a duration such as 30s, or 0s for no limit", c.Timeout)
	case !listening && c.handshakeFlags.given():
		return usagef("sub: --max-handshakes, --max-handshakes-per-address and --handshake-rate need --listen; a subscriber that connects accepts no handshakes")
	}
	if c.Topic != "" {
		if _, err := c.topicFlags.subscription(); err != nil {
			return err
		}
	}
	return errors.Join(c.handshakeFlags.check("sub"), c.socketFlags.check("sub"))
}

// prepare checks the flags and reads the files that they name. allow is nil without
// --listen.
func (c *subCmd) prepare(e *environment) (key intentra.PrivateKey, allow *allowFile, err error) {
	if err := c.check(); err != nil {
		return key, nil, err
	}
	if key, err = readKey(e, c.Key); err != nil {
		return key, nil, err
	}
	if err := checkPeer("sub", c.Peer, key); err != nil {
		return key, nil, err
	}
	if c.Listen != "" {
		allow, err = readAllow(e, c.Allow, key)
	}
	return key, allow, err
}

func (c *subCmd) Run(e *environment) (err error) {
	var hangups *hangups
	if c.Listen != "" {
		hangups = e.takeHangups()
		defer hangups.stop()
	} else if err := e.releaseHangups(); err != nil {
		return err
	}
	key, allow, err := c.prepare(e)
	if err != nil {
		return err
	}
	m, err := listenMetrics(c.Metrics)
	if err != nil {
		return fmt.Errorf("sub: %w", err)
	}
	defer m.close()
	rec, err := c.recordFlags.open(e)
	if err != nil {
		return fmt.Errorf("sub: %w", err)
	}
	defer func() { err = rec.close(e, err) }()
	cfg := c.config(e, key, rec)
	switch {
	case c.Topic != "":
		err = c.subscribeTopic(e, cfg, m)
	case c.Listen != "":
		err = c.listen(e, cfg, allow, m, hangups)
	default:
		err = c.connect(e, cfg, m)
	}
	if err != nil {
		return fmt.Errorf("sub: %w", err)
	}
	return nil
}

// config returns what the flags ask for, with and without --topic.
func (c *subCmd) config(e *environment, key intentra.PrivateKey, rec *recorder) intentra.Config {
	cfg := intentra.Config{
		Key: key, Suite: c.Suite, Logger: e.logger(slog.LevelError), ReceiveQueue: subQueue, Record: rec.writer(),
		Socket: c.socketFlags.config(), PeerBandwidth: valueOr(c.PeerBandwidth, 0),
	}
	c.retryFlag.apply(e, c.Connect, &cfg)
	return cfg
}

func (c *subCmd) listen(e *environment, cfg intentra.Config, allow *allowFile, m *metricsServer, hangups *hangups) error {
	cfg.Authorize, cfg.Logger = allow.authorize, named(e.logger(slog.LevelWarn), allow.name)
	cfg.OnPeer = c.peerEvent
	c.handshakeFlags.apply(&cfg)
	t, err := intentra.Listen(string(c.Listen), cfg)
	if err != nil {
		return err
	}
	allow.reloadOnHangup(hangups, t, e.logger(slog.LevelInfo))
	defer hangups.stop()
	announce(e, t)
	m.serve(e, t)
	return c.receive(e, e.ctx, t, 0, func() {})
}

func (c *subCmd) connect(e *environment, cfg intentra.Config, m *metricsServer) error {
	link, ctx := newUplink(e.ctx, e.logger(slog.LevelInfo))
	cfg.OnPeer = func(ev intentra.PeerEvent) {
		c.peerEvent(ev)
		link.peerEvent(ev)
	}
	began := time.Now()
	dialling, cancel := c.limit(ctx)
	defer cancel()
	p, err := intentra.Dial(dialling, string(c.Connect), c.Peer, cfg)
	if err != nil {
		return notConnected(e, err)
	}
	fmt.Fprintf(e.stderr, "connected %s key %s\n", p.Addr(), p.Key())
	m.serve(e, p.Transport())
	if err = c.receive(e, ctx, p.Transport(), time.Since(began), link.close); err == nil {
		err = link.failure()
	}
	return err
}

// peerEvent has the clocks of publishers compared, if ages are to be printed.
func (c *subCmd) peerEvent(ev intentra.PeerEvent) {
	if c.Format == "json" && ev.Kind != intentra.PeerDown {
		ev.Peer.Clock()
	}
}

// limit returns a context that ends after --timeout, with errExpired.
func (c *subCmd) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.Timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, c.Timeout, errExpired)
}

// receive copies messages to stdout and prints the summary at the end. It calls
// closing before it closes t. dialled is how much of the timeout has passed.
func (c *subCmd) receive(e *environment, ctx context.Context, t *intentra.Transport, dialled time.Duration, closing func()) error {
	defer e.explainDelay(ctx, "for the connection to close", closeGrace)()
	s := &subscription{json: c.Format == "json", want: c.Count, spent: dialled, closing: closing, dialled: c.Connect != ""}
	err := s.run(ctx, t, nowait.Writer(e.stdout), c.Timeout)
	if summaryErr := e.summarize(s.summary(t.Stats())); err == nil {
		err = summaryErr
	}
	return err
}
