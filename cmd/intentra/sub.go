package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/intentra/intentra"
)

type subCmd struct {
	Listen  listenAddress      `placeholder:"ADDR" help:"Listen on HOST:PORT for publishers; port 0 picks a free one."`
	Allow   string             `placeholder:"FILE|any" help:"With --listen: who may connect, a file with a public key and an optional name on each line. SIGHUP reads it again."`
	Connect dialAddress        `placeholder:"ADDR" help:"Or connect to the hub on HOST:PORT."`
	Peer    intentra.PublicKey `placeholder:"PUBKEY" help:"With --connect: the public key that must answer there."`
	Key     string             `required:"" placeholder:"FILE" help:"Our private key file."`
	Count   uint64             `placeholder:"N" help:"End after N messages."`
	Timeout time.Duration      `placeholder:"D" help:"End after this long, such as 30s. With --count, fewer than N messages by then are a failure."`
	metricsFlag
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
		return usagef("sub: --connect needs --peer PUBKEY, the key that must answer there")
	case !listening && !connecting:
		return usagef("sub: give --listen ADDR --allow FILE, or --connect ADDR --peer PUBKEY")
	case c.Timeout < 0:
		return usagef("sub: --timeout is %v; give a positive duration such as 30s", c.Timeout)
	}
	return nil
}

func (c *subCmd) Run(e *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	s, cfg, err := c.prepare(e)
	if err != nil {
		return err
	}
	m, err := listenMetrics(c.Metrics)
	if err != nil {
		return fmt.Errorf("sub: %w", err)
	}
	defer m.close()
	t, stop, err := c.open(e, s, cfg)
	if err != nil {
		return fmt.Errorf("sub: %w", err)
	}
	defer stop()
	m.serve(e, t)

	err = s.run(e, t, c.Timeout)
	shutdownErr := shutdown(t, closeGrace)
	err = errors.Join(err, s.drain())
	if summaryErr := e.summarize(s.summary(t.Stats())); err == nil {
		err = summaryErr
	}
	if err == nil && !isTimeout(shutdownErr) {
		err = shutdownErr
	}
	return err
}

// prepare reads the files that the flags name.
func (c *subCmd) prepare(e *environment) (*subscription, intentra.Config, error) {
	s := newSubscription(c.Count, e.logger(slog.LevelInfo))
	cfg := intentra.Config{Handler: s.handle, Logger: e.logger(slog.LevelWarn)}
	var err error
	if cfg.Key, err = readKey(e, c.Key); err != nil {
		return nil, cfg, err
	}
	if c.Listen != "" {
		if s.allow, err = readAllow(c.Allow); err != nil {
			return nil, cfg, err
		}
		cfg.Authorize = s.allow.allows
	}
	return s, cfg, nil
}

// open starts to receive and says so. stop ends what it has started besides
// the transport.
func (c *subCmd) open(e *environment, s *subscription, cfg intentra.Config) (t *intentra.Transport, stop func(), err error) {
	if c.Connect != "" {
		peer, err := dial(e.ctx, c.Connect, c.Peer, cfg)
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(e.stderr, "connected %s key %s\n", peer.Addr(), peer.Key())
		return peer.Transport(), func() {}, nil
	}
	if t, err = listen(c.Listen, cfg); err != nil {
		return nil, nil, err
	}
	stop = s.allow.reloadOnHangup(t, s.log)
	announce(e, t)
	return t, stop, nil
}
