package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// natsCommand runs a NATS server in a process of its own, without authentication. It is for
// trials: a real cluster has a configuration file.
type natsCommand struct {
	Listen  string   `required:"" placeholder:"ADDR" help:"HOST:PORT for hubs, on the loopback interface."`
	Store   string   `placeholder:"DIR" help:"The folder for JetStream."`
	Cluster string   `placeholder:"ADDR" help:"HOST:PORT for other servers of the cluster."`
	Routes  []string `placeholder:"ADDR" help:"--cluster addresses of other servers, separated by commas."`
	Name    string   `placeholder:"NAME" help:"The names of the server and its cluster."`
	Leafs   string   `placeholder:"ADDR" help:"HOST:PORT for leaf nodes."`
	Remote  string   `placeholder:"ADDR" help:"The --leafs address of another cluster, to be its leaf node."`
}

func (c *natsCommand) Run(ctx context.Context, o *output) error {
	opts := &server.Options{
		ServerName: c.Name, NoLog: true, NoSigs: true, MaxPayload: 1 << 20, MaxPending: 8 << 20, WriteDeadline: time.Second,
		JetStream: c.Store != "", StoreDir: c.Store,
	}
	for _, a := range []struct {
		addr string
		host *string
		port *int
	}{{c.Listen, &opts.Host, &opts.Port}, {c.Cluster, &opts.Cluster.Host, &opts.Cluster.Port}, {c.Leafs, &opts.LeafNode.Host, &opts.LeafNode.Port}} {
		if a.addr == "" {
			continue
		}
		host, port, err := net.SplitHostPort(a.addr)
		if err != nil {
			return usageError{fmt.Errorf("nats: %w", err)}
		}
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			return usageError{fmt.Errorf("nats: %s is not an address of the loopback interface", a.addr)}
		}
		if *a.port, err = strconv.Atoi(port); err != nil {
			return usageError{fmt.Errorf("nats: %w", err)}
		}
		if *a.port == 0 {
			*a.port = server.RANDOM_PORT
		}
		*a.host = host
	}
	if c.Cluster != "" {
		opts.Cluster.Name, opts.Cluster.PoolSize = c.Name, -1
	}
	for _, r := range c.Routes {
		opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats-route", Host: r})
	}
	if c.Remote != "" {
		opts.LeafNode.Remotes = []*server.RemoteLeafOpts{{URLs: []*url.URL{{Scheme: "nats-leaf", Host: c.Remote}}}}
		opts.LeafNode.ReconnectInterval = time.Second
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("nats: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return errors.New("nats: the server has not started")
	}
	if c.Leafs != "" {
		fmt.Fprintf(o.err, "leafs %s\n", net.JoinHostPort(opts.LeafNode.Host, strconv.Itoa(opts.LeafNode.Port)))
	}
	fmt.Fprintf(o.err, "listening %s key none\n", s.Addr()) // after all other addresses
	<-ctx.Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}
