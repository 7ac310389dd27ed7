package main

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"github.com/intentra/intentra/console"
	"github.com/intentra/intentra/internal/boundhttp"
)

// webServer is an HTTP server whose connections, headers and waits are bounded, with the
// guard of its requests.
type webServer struct {
	listener net.Listener
	server   *http.Server
	guard    console.Guard
}

// listen opens the listener; serve begins to answer. what names the server in errors.
func (s *webServer) listen(f *pageFlags, what string, addr listenAddress, h http.Handler) (err error) {
	s.guard.Hosts = f.HTTPHost
	if s.guard.Token, err = f.token(addr); err != nil {
		return err
	}
	l, err := net.Listen("tcp", string(addr))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	s.listener, s.server = boundhttp.Listener(l), boundhttp.Server(h)
	return nil
}

// serve answers requests until close.
func (s *webServer) serve() { go func() { _ = s.server.Serve(s.listener) }() }

func (s *webServer) close() {
	_ = s.server.Close()
	_ = s.listener.Close() // in case serve was never called
}

// url returns the address of the server, with the token.
func (s *webServer) url(scheme string) string {
	addr := s.listener.Addr().(*net.TCPAddr).AddrPort()
	host := netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()).String()
	if addr.Addr().IsUnspecified() {
		host = fmt.Sprintf("localhost:%d", addr.Port())
	}
	if len(s.guard.Hosts) > 0 {
		host = fmt.Sprintf("%s:%d", s.guard.Hosts[0], addr.Port())
	}
	if s.guard.Token == "" {
		return scheme + "://" + host + "/"
	}
	return scheme + "://" + host + "/?token=" + s.guard.Token
}
