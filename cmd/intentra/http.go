package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/console"
	"github.com/intentra/intentra/internal/load"
)

// pageFlags are embedded in the commands that serve the live page.
type pageFlags struct {
	HTTP      listenAddress `name:"http" placeholder:"ADDR" help:"Serve the live page, /metrics, /healthz and /debug/pprof on this address. Beyond this machine a token is required, which is part of the printed address."`
	HTTPToken fileName      `name:"http-token" placeholder:"FILE" help:"Read the token from the first line of this file; without it, each start makes a new one."`
	HTTPHost  []string      `name:"http-host" placeholder:"NAME" help:"A name by which browsers may reach the page; may be repeated. Addresses and localhost always may."`

	secret string // from HTTPToken, once it was read: a pipe can be read only once
}

// pageServer serves the live page. Its handler can be replaced. The methods of a nil
// pageServer do nothing.
type pageServer struct {
	webServer
	current atomic.Pointer[http.Handler]
	page    atomic.Pointer[console.Console]
}

// check reports wrong input, for a page and servers at other addresses, and reads the token.
func (f *pageFlags) check(e *environment, others ...listenAddress) error {
	served := func(a listenAddress) bool { return a != "" }
	if !served(f.HTTP) && !slices.ContainsFunc(others, served) && (f.HTTPToken != "" || len(f.HTTPHost) > 0) {
		return usagef("--http-token and --http-host need --http")
	}
	if err := (console.Guard{Hosts: f.HTTPHost}).Check(); err != nil {
		return usagef("--http-host: %w", err)
	}
	return f.readToken(e)
}

// readToken reads the token if a file has it, and warns if other users can access it.
func (f *pageFlags) readToken(e *environment) error {
	if f.HTTPToken == "" || f.secret != "" {
		return nil
	}
	path := string(f.HTTPToken)
	text, err := untilInterrupted(e, path, func() ([]byte, error) { return os.ReadFile(path) })
	if errors.Is(err, errInterrupted) {
		return err
	}
	if err != nil {
		return usagef("http: the token: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSpace(line); len(line) < 16 {
		return usagef("http: the first line of %s is shorter than 16 characters", path)
	}
	warnOthers(e, path, "token")
	f.secret = line
	return nil
}

// open opens the listener before the command starts anything else, so that an address in
// use fails early. It returns nil without an address. The token and the names also apply to
// the servers at others.
func (f *pageFlags) open(e *environment, others ...listenAddress) (*pageServer, error) {
	if err := f.check(e, others...); err != nil || f.HTTP == "" {
		return nil, err
	}
	p := &pageServer{}
	if err := p.listen(f, "http", f.HTTP, http.HandlerFunc(p.serveHTTP)); err != nil {
		return nil, err
	}
	return p, nil
}

// token returns the token, which check has read, that requests to addr must present;
// none for this machine alone.
func (f *pageFlags) token(addr listenAddress) (string, error) {
	if f.HTTPToken != "" {
		return f.secret, nil
	}
	host, _, err := net.SplitHostPort(string(addr))
	if err != nil {
		return "", usagef("http: %v", err)
	}
	if addr, err := netip.ParseAddr(host); host == "localhost" || err == nil && addr.IsLoopback() {
		return "", nil
	}
	secret := make([]byte, 18)
	if _, err := rand.Read(secret); err != nil {
		return "", fmt.Errorf("http: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(secret), nil
}

// show puts the page of a transport, or of a hub, in the place of the one before, and begins
// to answer requests.
func (p *pageServer) show(cfg console.Config, t *intentra.Transport, more ...prometheus.Collector) error {
	if p == nil {
		return nil
	}
	cfg.Guard, cfg.CPU = p.guard, load.CPUTime
	page, err := console.New(cfg)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", page)
	rest := p.guard.Handler(metricsHandler(t, more))
	for _, path := range []string{"/metrics", "/healthz", "/debug/"} {
		mux.Handle(path, rest)
	}
	var h http.Handler = mux
	if old := p.page.Swap(page); old != nil {
		_ = old.Close() // returns nil
	}
	if p.current.Swap(&h) == nil {
		p.serve()
	}
	return nil
}

func (p *pageServer) serveHTTP(w http.ResponseWriter, r *http.Request) {
	(*p.current.Load()).ServeHTTP(w, r)
}

func (p *pageServer) close() {
	if p == nil {
		return
	}
	if page := p.page.Load(); page != nil {
		_ = page.Close() // returns nil
	}
	p.webServer.close()
}
