package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/intentra/intentra/hub"
)

// firstInherited is the first file descriptor that a service manager passes
// (SD_LISTEN_FDS_START of sd_listen_fds(3)).
const firstInherited = 3

// fromSystemd is the listen address that requires an inherited socket.
const fromSystemd = "systemd"

// hubAddress is a flag: a [listenAddress], or [fromSystemd].
type hubAddress string

func (a *hubAddress) UnmarshalText(text []byte) error {
	if string(text) == fromSystemd {
		*a = fromSystemd
		return nil
	}
	return (*listenAddress)(a).UnmarshalText(text)
}

// open returns the address to listen on, and the socket to use if systemd has passed
// one, which wins over the address.
func (a hubAddress) open(getenv func(string) string, fd uintptr) (addr string, inherited net.PacketConn, err error) {
	if getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) { // the environment of a parent
		if a == fromSystemd {
			err = usagef("--listen systemd: systemd has passed no socket to this process; start the hub through its socket unit")
		}
		return string(a), nil, err
	}
	inherited, err = inheritedSocket(getenv("LISTEN_FDS"), fd)
	return ":0", inherited, err
}

// inheritedSocket returns the UDP socket that the service manager has passed as the
// descriptor fd. count is how many it has passed.
func inheritedSocket(count string, fd uintptr) (net.PacketConn, error) {
	if count != "1" {
		return nil, usagef("systemd has passed %q sockets; the hub uses one, so give its socket unit one ListenDatagram=", count)
	}
	f := os.NewFile(fd, "systemd")
	defer f.Close()
	c, err := net.FilePacketConn(f)
	if err != nil {
		return nil, usagef("the socket that systemd has passed: %w", err)
	}
	if _, ok := c.(*net.UDPConn); !ok {
		return nil, errors.Join(usagef("the socket that systemd has passed is for %s, not UDP", c.LocalAddr().Network()), c.Close())
	}
	return c, nil
}

// service tells a service manager how this process fares, with the datagrams of
// sd_notify(3). The methods of a nil service do nothing.
type service struct {
	conn net.Conn
	// limit is how long the manager waits for signs of life; zero means for ever.
	limit time.Duration
}

// newService returns nil if no service manager has started this process.
func newService(getenv func(string) string) *service {
	addr := getenv("NOTIFY_SOCKET")
	if addr == "" {
		return nil
	}
	// Package net reads a leading @ as the abstract name that systemd means by it.
	conn, err := net.Dial("unixgram", addr)
	if err != nil {
		return nil
	}
	s := &service{conn: conn}
	if pid := getenv("WATCHDOG_PID"); pid == "" || pid == strconv.Itoa(os.Getpid()) {
		if us, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 {
			s.limit = time.Duration(us) * time.Microsecond
		}
	}
	return s
}

func (s *service) ready()     { s.notify("READY=1") }
func (s *service) reloading() { s.notify("RELOADING=1") }

// notify sends a state. The manager may be gone, which is not our failure.
func (s *service) notify(state string) {
	if s != nil {
		_, _ = fmt.Fprint(s.conn, state)
	}
}

// stoppingAfter says that the process stops once ctx has ended. Call wait before close: it
// returns when that was sent, or at once if ctx has not ended.
func (s *service) stoppingAfter(ctx context.Context) (wait func()) {
	sent := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(sent)
		s.notify("STOPPING=1")
	})
	return func() {
		if !stop() {
			<-sent
		}
	}
}

func (s *service) close() {
	if s != nil {
		_ = s.conn.Close()
	}
}

// watch sends a sign of life twice as often as the manager asks for, each time after
// the hub's event loop has answered, until stop is called.
func (s *service) watch(h *hub.Hub) (stop func()) {
	if s == nil || s.limit == 0 {
		return func() {}
	}
	return s.beat(s.limit/2, func(ctx context.Context) error {
		h.Stats() // waits for the lock that the hub's callbacks hold
		return h.Transport().CheckLoop(ctx)
	})
}

// beat sends a sign of life every period if alive returns nil before the period is over.
func (s *service) beat(period time.Duration, alive func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		ticks := time.NewTicker(period)
		defer ticks.Stop()
		for {
			within, end := context.WithTimeout(ctx, period)
			if alive(within) == nil {
				s.notify("WATCHDOG=1")
			}
			end()
			select {
			case <-ticks.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}
