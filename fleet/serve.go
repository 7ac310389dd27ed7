package main

import (
	"fmt"
	"net"
	"net/http"

	"github.com/intentra/intentra/internal/boundhttp"
)

// serve serves a handler on the address of a flag, with bounds for connections, headers and
// waits. bound is that address, with the port that the system has chosen in place of 0.
func serve(flag, addr string, h http.Handler) (bound string, stop func(), err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", nil, fmt.Errorf("hub: --%s: %w", flag, err)
	}
	s := boundhttp.Server(h)
	go func() { _ = s.Serve(boundhttp.Listener(l)) }() // it ends with Close
	return l.Addr().String(), func() { _ = s.Close() }, nil
}
