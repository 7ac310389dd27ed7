package node

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Embedded configures a NATS server in this process. The zero value is a server that no
// other process can reach.
type Embedded struct {
	// Name is the server's name, which must be unique in the fleet. Default: the hub's
	// public key and random characters, which are kept in Store, if there is one, since
	// JetStream knows a server by its name.
	Name string
	// Cluster is the address on which servers of other hubs connect to this one, as
	// HOST:PORT; with port 0 it is a free one, see [Node.ClusterAddr]. Empty: none.
	Cluster string
	// Routes are the Cluster addresses of other hubs, as HOST:PORT. One that can be reached
	// is enough: servers tell each other of the rest.
	Routes []string
	// Store is the folder for the lists in JetStream. Empty: JetStream is off, and with it
	// the common access list and the claims of keys. With Cluster it needs Routes.
	Store string
	// TLS secures the connections between servers, in both directions: each must present a
	// certificate of an authority in RootCAs and ClientCAs. Required if Cluster is not a
	// loopback address.
	TLS *tls.Config
}

// ClusterAddr returns the address on which servers of other hubs connect to the one in this
// process, as HOST:PORT, or "" without Config.Embedded.Cluster.
func (n *Node) ClusterAddr() string {
	if n.server == nil || n.cfg.Embedded.Cluster == "" {
		return ""
	}
	return n.server.ClusterAddr().String()
}

const embeddedUser = "hub"

// What we chose. readyAfter is how long the start of an embedded server may take, and
// readyPoll how often its state is checked until then.
const (
	readyAfter = 10 * time.Second
	readyPoll  = 100 * time.Millisecond
	// nameFile is the file in Embedded.Store with the name of the server, which ends with
	// nameSuffix random characters.
	nameFile   = "server-name"
	nameSuffix = 8
)

// start starts the server, with a password for its clients. Its errors go to faults.
func (e Embedded) start(fleet, key, password string, faults *serverFaults) (*server.Server, error) {
	o := &server.Options{
		// Routes need a port for clients as well. The password is known to this process alone.
		Host: "127.0.0.1", Port: server.RANDOM_PORT, Username: embeddedUser, Password: password,
		ServerName: e.Name, NoLog: true, NoSigs: true, MaxPayload: 1 << 20, MaxPending: 8 << 20, WriteDeadline: time.Second,
		JetStream: e.Store != "", StoreDir: e.Store,
	}
	if o.ServerName == "" {
		var err error
		if o.ServerName, err = e.name(key); err != nil {
			return nil, fmt.Errorf("node: Embedded.Store: %w", err)
		}
	}
	if e.Cluster != "" {
		if err := e.cluster(o, fleet); err != nil {
			return nil, err
		}
	}
	s, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("node: the embedded NATS server: %w", err)
	}
	s.SetLogger(faults, false, false)
	s.Start()
	if err := faults.await(s); err != nil {
		s.Shutdown()
		return nil, err
	}
	return s, nil
}

// name returns the default name. If it were the key alone, the servers of two hubs that have
// been given one key would refuse each other, and neither hub would learn of the other.
func (e Embedded) name(key string) (string, error) {
	name := key + "-" + rand.Text()[:nameSuffix]
	if e.Store == "" {
		return name, nil
	}
	file := filepath.Join(e.Store, nameFile)
	switch kept, err := os.ReadFile(file); {
	case err == nil && strings.HasPrefix(string(kept), key+"-"):
		return strings.TrimSpace(string(kept)), nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	if err := os.MkdirAll(e.Store, 0o700); err != nil {
		return "", err
	}
	return name, os.WriteFile(file, []byte(name+"\n"), 0o600)
}

// cluster sets the options for the connections with other servers.
func (e Embedded) cluster(o *server.Options, fleet string) error {
	host, port, err := net.SplitHostPort(e.Cluster)
	if err != nil {
		return fmt.Errorf("%w: Embedded.Cluster: %w", ErrConfig, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%w: the port of the cluster address %s is not 0 to 65535", ErrConfig, e.Cluster)
	}
	if n == 0 {
		n = server.RANDOM_PORT
	}
	if ip := net.ParseIP(host); e.TLS == nil && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%w: the cluster address %s is not a loopback address and needs TLS; see docs/FLEET.md", ErrConfig, e.Cluster)
	}
	if e.TLS != nil && len(e.TLS.Certificates) == 0 && e.TLS.GetCertificate == nil {
		return fmt.Errorf("%w: Embedded.TLS has no certificate, which other servers require; see docs/FLEET.md", ErrConfig)
	}
	// One connection between two servers carries everything, in order.
	o.Cluster = server.ClusterOpts{Name: "intentra-" + fleet, Host: host, Port: n, PoolSize: -1}
	if e.TLS != nil {
		c := e.TLS.Clone()
		c.ClientAuth = tls.RequireAndVerifyClientCert
		o.Cluster.TLSConfig, o.Cluster.TLSTimeout = c, 5
	}
	for _, r := range e.Routes {
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats-route", Host: r})
	}
	return nil
}
