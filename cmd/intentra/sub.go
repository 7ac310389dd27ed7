package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/intentra/intentra"
)

type subCmd struct {
	Listen  listenAddress      `placeholder:"ADDR" help:"Listen on HOST:PORT for publishers; port 0 picks a free one."`
	Allow   fileName           `placeholder:"FILE|any" help:"With --listen: the keys that may connect, a file with a public key and an optional name on each line. SIGHUP reloads it."`
	Connect dialAddress        `placeholder:"ADDR" help:"Or connect to the hub at HOST:PORT; several with commas between them are tried in turn."`
	Peer    intentra.PublicKey `placeholder:"PUBKEY" help:"With --connect: the public key that the other side must have."`
	Key     fileName           `required:"" placeholder:"FILE" help:"Our private key file."`
	Count   uint64             `placeholder:"N" help:"End after N messages; 0, the default, means no limit."`
	Timeout time.Duration      `placeholder:"D" help:"End after this long, such as 30s; 0s, the default, means no limit. With --count, fewer than N messages within this time are a failure."`
	handshakeFlags
	socketFlags
	metricsFlag
	recordFlags
}

func (c *subCmd) Help() string {
	return "Prints 'listening HOST:PORT key PUBKEY' (our own key) or 'connected HOST:PORT key PUBKEY' (the other side's) on standard error once it can receive, " +
		"and a JSON summary when it ends."
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
	case c.Timeout < 0:
		return usagef("sub: --timeout is %v; give a duration such as 30s, or 0s for no limit", c.Timeout)
	case !listening && c.handshakeFlags.given():
		return usagef("sub: --max-handshakes, --max-handshakes-per-address and --handshake-rate need --listen; a subscriber that connects accepts no handshakes")
	}
	return errors.Join(c.handshakeFlags.check("sub"), c.socketFlags.check("sub"))
}

func (c *subCmd) Run(e *environment) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	key, err := readKey(e, c.Key)
	if err != nil {
		return err
	}
	if err := checkPeer("sub", c.Peer, key); err != nil {
		return err
	}
	var allow *allowFile
	if c.Listen != "" {
		if allow, err = readAllow(e, c.Allow, key); err != nil {
			return err
		}
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
	cfg := intentra.Config{Key: key, Logger: e.logger(slog.LevelWarn), ReceiveQueue: subQueue, Record: rec.writer(), Socket: c.socketFlags.config()}
	if c.Listen != "" {
		err = c.listen(e, cfg, allow, m)
	} else {
		err = c.connect(e, cfg, m)
	}
	if err != nil {
		return fmt.Errorf("sub: %w", err)
	}
	return nil
}

func (c *subCmd) listen(e *environment, cfg intentra.Config, allow *allowFile, m *metricsServer) error {
	cfg.Authorize = allow.allows
	c.handshakeFlags.apply(&cfg)
	t, err := intentra.Listen(string(c.Listen), cfg)
	if err != nil {
		return err
	}
	defer allow.reloadOnHangup(t, e.logger(slog.LevelInfo))()
	announce(e, t)
	m.serve(e, t)
	return c.receive(e, e.ctx, t, func() {})
}

func (c *subCmd) connect(e *environment, cfg intentra.Config, m *metricsServer) error {
	link, ctx := newUplink(e.ctx, e.logger(slog.LevelInfo))
	cfg.OnPeer, cfg.Logger = link.peerEvent, e.logger(slog.LevelError)
	p, err := intentra.Dial(ctx, string(c.Connect), c.Peer, cfg)
	if err != nil && e.ctx.Err() != nil {
		return e.summarize(new(subscription).summary(intentra.Stats{})) // interrupted
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stderr, "connected %s key %s\n", p.Addr(), p.Key())
	m.serve(e, p.Transport())
	if err = c.receive(e, ctx, p.Transport(), link.close); err == nil {
		err = link.failure()
	}
	return err
}

// receive copies messages to stdout and prints the summary at the end. It calls
// closing before it closes t.
func (c *subCmd) receive(e *environment, ctx context.Context, t *intentra.Transport, closing func()) error {
	defer e.explainDelay(ctx, "for the connection to close", closeGrace)()
	s := &subscription{want: c.Count, closing: closing}
	err := s.run(ctx, t, e.stdout, c.Timeout)
	if summaryErr := e.summarize(s.summary(t.Stats())); err == nil {
		err = summaryErr
	}
	return err
}
