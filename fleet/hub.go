package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/console"
	"github.com/intentra/intentra/fleet/internal/accesslist"
	"github.com/intentra/intentra/fleet/node"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
	"github.com/intentra/intentra/metrics"
)

type hubCommand struct {
	Fleet     string        `default:"default" help:"The name of the fleet."`
	Listen    string        `required:"" placeholder:"ADDR" help:"HOST:PORT to listen on."`
	Advertise string        `placeholder:"ADDR" help:"HOST:PORT that peers dial; by default the address that is listened on."`
	Key       string        `required:"" placeholder:"FILE" help:"This hub's private key file."`
	Access    string        `required:"" placeholder:"FILE|any" help:"The access list; it is replaced by that of the fleet. SIGHUP makes this file the list of the fleet."`
	Wait      time.Duration `name:"access-wait" default:"5s" help:"How long to wait at the start for the access list of the fleet, before peers are admitted by the file of --access; negative: not at all."`
	Metrics   string        `placeholder:"ADDR" help:"HOST:PORT for /metrics and /status over HTTP, without encryption."`
	HTTP      string        `name:"http" placeholder:"ADDR" help:"HOST:PORT for the live page, which is shown on this machine alone, with /metrics and /status."`
	NATS      string        `name:"nats" placeholder:"URL" help:"An existing NATS cluster. By default a server runs in this process."`
	Creds     string        `placeholder:"FILE" help:"Credentials for --nats."`
	NKey      string        `name:"nkey" placeholder:"FILE" help:"The seed of an NKey for --nats."`
	Cert      string        `placeholder:"FILE" help:"This hub's certificate in PEM, for TLS with NATS."`
	CertKey   string        `placeholder:"FILE" help:"The private key of --cert."`
	CA        string        `name:"ca" placeholder:"FILE" help:"The authority of the other side's certificates."`
	Cluster   string        `placeholder:"ADDR" help:"HOST:PORT on which the server in this process accepts those of other hubs."`
	Routes    []string      `placeholder:"ADDR" help:"--cluster addresses of other hubs, separated by commas."`
	Store     string        `placeholder:"DIR" help:"Where the server in this process keeps the fleet's lists. Without it, the fleet has no common access list."`
	Gather    time.Duration `default:"4ms" help:"How long updates wait for others on their way to another hub; negative: not at all."`
	Replicas  int           `default:"1" help:"On how many servers the lists are kept: 1, or 3 in a cluster of at least 3."`
}

func (c *hubCommand) Run(ctx context.Context, o *output) error {
	key, err := intentra.ReadPrivateKey(c.Key)
	if err != nil {
		return usageError{fmt.Errorf("hub: --key: %w", err)}
	}
	if err := c.check(key); err != nil {
		return usageError{fmt.Errorf("hub: %w", err)}
	}
	log := slog.New(slog.NewTextHandler(o.err, nil))
	cfg := node.Config{
		Fleet: c.Fleet, Listen: c.Listen, Advertise: c.Advertise, NATS: c.NATS, Replicas: c.Replicas, Gather: c.Gather, AccessWait: c.Wait, Logger: log,
		Hub: hub.Config{Transport: intentra.Config{Key: key}, Logger: log},
	}
	if err := c.access(&cfg, key); err != nil {
		return err
	}
	if err := c.secure(&cfg); err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1) // from now on, since SIGHUP would end the process while Open waits
	if c.Access != "any" {
		signal.Notify(hangup, syscall.SIGHUP)
		defer signal.Stop(hangup)
	}
	n, err := node.Open(cfg)
	if errors.Is(err, node.ErrConfig) {
		return usageError{fmt.Errorf("hub: %w", err)}
	}
	if err != nil {
		return err
	}
	if c.Cluster != "" {
		fmt.Fprintf(o.err, "cluster %s\n", n.ClusterAddr())
	}
	if c.Metrics != "" {
		addr, stop, err := serve("metrics", c.Metrics, counters(n))
		if err != nil {
			return errors.Join(err, n.Close())
		}
		defer stop()
		fmt.Fprintf(o.err, "metrics %s\n", addr)
	}
	t := n.Hub().Transport()
	fmt.Fprintf(o.err, "listening %s key %s\n", t.LocalAddr(), t.PublicKey()) // after all other addresses
	if c.HTTP != "" {
		stop, err := c.page(n, o)
		if err != nil {
			return errors.Join(err, n.Close())
		}
		defer stop()
	}
	go c.reload(ctx, hangup, n, log)
	return n.Run(ctx)
}

func (c *hubCommand) access(cfg *node.Config, key intentra.PrivateKey) error {
	if c.Access == "any" {
		cfg.Hub.Access = hub.AllowAny()
		return nil
	}
	cfg.AccessFile = c.Access
	text, err := os.ReadFile(c.Access)
	if err == nil {
		cfg.Hub.Access, err = accesslist.Parse(string(text), key)
	}
	if err != nil {
		return usageError{fmt.Errorf("hub: --access %s: %w", c.Access, err)}
	}
	return nil
}

// secure sets how the hub connects to NATS, or its server to others.
func (c *hubCommand) secure(cfg *node.Config) error {
	t, err := c.tls()
	if err != nil {
		return usageError{err}
	}
	cfg.Embedded = node.Embedded{Cluster: c.Cluster, Routes: c.Routes, Store: c.Store, TLS: t}
	if t != nil && c.NATS != "" {
		cfg.Options = append(cfg.Options, nats.Secure(t))
	}
	if c.Creds != "" {
		cfg.Options = append(cfg.Options, nats.UserCredentials(c.Creds))
	}
	if c.NKey != "" {
		option, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return usageError{fmt.Errorf("hub: --nkey: %w", err)}
		}
		cfg.Options = append(cfg.Options, option)
	}
	return nil
}

func (c *hubCommand) tls() (*tls.Config, error) {
	if c.Cert == "" && c.CA == "" {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS13}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.CertKey)
		if err != nil {
			return nil, fmt.Errorf("hub: --cert: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("hub: --ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("hub: --ca: %s has no certificate", c.CA)
		}
		t.RootCAs, t.ClientCAs = pool, pool
	}
	return t, nil
}

// reload makes the access file the list of the fleet upon each signal, until ctx ends.
func (c *hubCommand) reload(ctx context.Context, hangup <-chan os.Signal, n *node.Node, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		}
		c.replace(ctx, n, log)
	}
}

// replace makes the access file the list of the fleet.
func (c *hubCommand) replace(ctx context.Context, n *node.Node, log *slog.Logger) {
	text, err := os.ReadFile(c.Access)
	if err == nil {
		err = n.SetAccess(ctx, string(text))
	}
	if err != nil {
		log.Error("the access list of the fleet was not replaced", "file", c.Access, "err", err)
	}
}

// page serves the live page, to this machine alone.
func (c *hubCommand) page(n *node.Node, o *output) (stop func(), err error) {
	guard := console.Guard{}
	page, err := console.New(console.Config{Hub: n.Hub(), Guard: guard, CPU: load.CPUTime, Sections: func() []console.Section {
		s := n.Status()
		return view(&s)
	}})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", page)
	rest := guard.Handler(counters(n))
	mux.Handle("/metrics", rest)
	mux.Handle("/status", rest)
	addr, closeServer, err := serve("http", c.HTTP, mux)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(o.err, "page http://%s/\n", addr)
	return func() {
		_ = page.Close() // returns nil
		closeServer()
	}, nil
}

// counters returns the handler of the metrics and the status of a node.
func counters(n *node.Node) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), node.NewCollector(n), metrics.NewHubCollector(n.Hub()), metrics.NewCollector(n.Hub().Transport()))
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(n.Status()) // fails only if the client has gone
	})
	return mux
}
