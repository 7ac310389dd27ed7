package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// listenAddress is a flag: HOST:PORT to listen on. An empty host means all
// addresses of this machine, port 0 a free port.
type listenAddress string

func (a *listenAddress) UnmarshalText(text []byte) error {
	if _, err := splitAddress(string(text), 0); err != nil {
		return err
	}
	*a = listenAddress(text)
	return nil
}

// dialAddress is a flag: HOST:PORT to connect to, or several with commas between them.
type dialAddress string

func (a *dialAddress) UnmarshalText(text []byte) error {
	for name := range strings.SplitSeq(string(text), ",") {
		host, err := splitAddress(name, 1)
		if err != nil {
			return err
		}
		if host == "" {
			return fmt.Errorf("%q has no host: write HOST:PORT, such as 192.0.2.7:4242", name)
		}
	}
	*a = dialAddress(text)
	return nil
}

// splitAddress returns the host of an address with a numeric port.
func splitAddress(s string, minPort uint64) (host string, err error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || strings.Contains(host, ",") {
		return "", fmt.Errorf("%q is not an address: write HOST:PORT, such as 192.0.2.7:4242 or [2001:db8::7]:4242", s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n < minPort {
		return "", fmt.Errorf("%q is not a port in %q: write a number from %d to 65535", port, s, minPort)
	}
	return host, nil
}
