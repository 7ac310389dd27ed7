package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/keykind"
)

// check returns an error that names the first wrong flag, before anything is started.
func (c *hubCommand) check(key intentra.PrivateKey) error {
	if keykind.CanBePublic(key) && othersRead(c.Key) {
		return fmt.Errorf("--key: %s looks like a public key; give a private key file, or run 'chmod 600' on it if it is one", c.Key)
	}
	type flag struct{ name, addr string }
	flags := []flag{{"--listen", c.Listen}, {"--advertise", c.Advertise}, {"--metrics", c.Metrics}, {"--http", c.HTTP}, {"--cluster", c.Cluster}}
	for _, r := range c.Routes {
		flags = append(flags, flag{"--routes", r})
	}
	for _, f := range flags {
		if f.addr != "" && !isAddress(f.addr) {
			return fmt.Errorf("%s: %q is not an address: write HOST:PORT, such as 192.0.2.7:4242 or [2001:db8::7]:4242", f.name, f.addr)
		}
	}
	if c.HTTP != "" && !isLoopback(c.HTTP) {
		return fmt.Errorf("--http: the page is shown on this machine alone; give an address of the loopback interface, such as 127.0.0.1:9100, not %s", c.HTTP)
	}
	if err := c.checkStore(); err != nil {
		return err
	}
	return c.checkNATS()
}

// checkStore checks where the lists are kept.
func (c *hubCommand) checkStore() error {
	switch {
	case c.Replicas != 1 && c.Replicas != 3:
		return fmt.Errorf("--replicas is %d; give 1, or 3 in a cluster of at least 3 servers", c.Replicas)
	case c.Replicas > 1 && c.Store == "" && c.NATS == "":
		return fmt.Errorf("--replicas %d needs --store, or --nats with JetStream: there are no lists without it", c.Replicas)
	case c.NATS != "" && (c.Cluster != "" || len(c.Routes) > 0 || c.Store != ""):
		return errors.New("--cluster, --routes and --store are for the server in this process, not for --nats")
	case strings.HasSuffix(c.Cluster, ":0") && os.Getenv(childVariable) == "": // a trial reads the port from the output
		return errors.New("--cluster needs a port other than 0: the --routes of other hubs name it")
	case c.Cluster != "" && c.Store != "" && len(c.Routes) == 0:
		return errors.New("--store with --cluster needs --routes; the first hub of a fleet gives its own --cluster address")
	}
	return nil
}

// checkNATS checks how the hub connects to NATS, or its server to others.
func (c *hubCommand) checkNATS() error {
	switch {
	case c.Cert != "" && c.CertKey == "":
		return errors.New("--cert needs --cert-key")
	case c.CertKey != "" && c.Cert == "":
		return errors.New("--cert-key needs --cert")
	case c.NATS == "" && c.Creds != "":
		return errors.New("--creds is for --nats, which is missing")
	case c.NATS == "" && c.NKey != "":
		return errors.New("--nkey is for --nats, which is missing")
	case c.CA != "" && c.Cert == "" && c.Cluster != "":
		return errors.New("--ca with --cluster needs --cert and --cert-key: servers of hubs connect only with TLS and certificates on both sides")
	}
	for server := range strings.SplitSeq(c.NATS, ",") {
		if c.NATS != "" && !isServer(strings.TrimSpace(server)) {
			return fmt.Errorf("--nats: %q is not the URL of a server: write nats://HOST:PORT or tls://HOST:PORT, several with commas", server)
		}
	}
	return nil
}

// isServer reports whether s is the URL of a NATS server, in which the scheme may be missing.
func isServer(s string) bool {
	if !strings.Contains(s, "://") {
		s = "nats://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" {
		return false
	}
	if port := u.Port(); port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return false
		}
	}
	return slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme)
}

// isLoopback reports whether only this machine can connect to an address.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// othersRead reports whether other users can read a file, as they can what a shell has
// written.
func othersRead(path string) bool {
	info, err := os.Stat(path)
	return err == nil && runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o044 != 0
}

func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
