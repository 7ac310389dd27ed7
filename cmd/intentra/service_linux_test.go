package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// manager is the service manager's end of the notification socket.
func manager(t *testing.T) (addr string, next func() string) {
	addr = filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: addr, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return addr, func() string {
		b := make([]byte, 100)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
		n, err := c.Read(b)
		require.NoError(t, err)
		return string(b[:n])
	}
}

// A hub under a service manager uses the socket that it is given, says that it is ready
// and alive, reports a reload, and that it stops.
func TestHubAsService(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	addr, next := manager(t)
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer socket.Close()
	file, err := socket.(*net.UDPConn).File()
	require.NoError(t, err)
	defer file.Close()

	// The shell knows the number of the process that the hub will be.
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`,
		os.Args[0], "hub", "--listen", "systemd", "--key", s.server.file, "--access", s.allow)
	cmd.ExtraFiles = []*os.File{file} // descriptor 3
	cmd.Env = []string{"NOTIFY_SOCKET=" + addr, "WATCHDOG_USEC=100000", "LISTEN_FDS=1"}
	r := startProgram(t, nil, nil, cmd)
	require.Equal(t, socket.LocalAddr().String(), r.address())
	require.Equal(t, "READY=1", next())
	require.Equal(t, "WATCHDOG=1", next())
	r.signal(syscall.SIGHUP)
	seen := map[string]bool{}
	for !seen["READY=1"] {
		seen[next()] = true
	}
	require.True(t, seen["RELOADING=1"])
	r.signal(os.Interrupt)
	for next() != "STOPPING=1" {
	}
	r.succeed()
}

func TestHubAddress(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, tt := range []struct{ listen, fds, pid, addr, want string }{
		{"127.0.0.1:7", "", "", "127.0.0.1:7", ""},
		{"127.0.0.1:7", "1", "1", "127.0.0.1:7", ""}, // passed to another process
		{"systemd", "", "", "", "passed no socket"},
		{"systemd", "1", "1", "", "passed no socket"},
		{"systemd", "x", own, "", `passed "x" sockets`},
		{"127.0.0.1:7", "2", own, "", `passed "2" sockets`},
	} {
		env := map[string]string{"LISTEN_FDS": tt.fds, "LISTEN_PID": tt.pid}
		var a hubAddress
		require.NoError(t, a.UnmarshalText([]byte(tt.listen)))
		addr, inherited, err := a.open(func(name string) string { return env[name] }, firstInherited)
		require.Nil(t, inherited)
		if tt.want == "" {
			require.NoError(t, err)
			require.Equal(t, tt.addr, addr)
			continue
		}
		require.ErrorContains(t, err, tt.want)
	}
	var a hubAddress
	require.Error(t, a.UnmarshalText([]byte("systemctl")))
	// A socket of another kind.
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	defer l.Close()
	f, err := l.(*net.UnixListener).File()
	require.NoError(t, err)
	defer f.Close()
	fd, err := syscall.Dup(int(f.Fd())) // inheritedSocket closes it
	require.NoError(t, err)
	_, err = inheritedSocket("1", uintptr(fd))
	require.ErrorContains(t, err, "the socket that systemd has passed")
}

// No sign of life is sent while the loop does not answer.
func TestWatchdogNeedsTheLoop(t *testing.T) {
	addr, next := manager(t)
	s := newService(func(name string) string {
		return map[string]string{"NOTIFY_SOCKET": addr, "WATCHDOG_USEC": "2000000"}[name]
	})
	require.Equal(t, 2*time.Second, s.limit)
	conn := s.conn
	synctest.Test(t, func(t *testing.T) {
		var stuck atomic.Bool
		counted := &countingConn{Conn: conn}
		s.conn = counted
		stop := s.beat(time.Second, func(ctx context.Context) error {
			if stuck.Load() {
				<-ctx.Done()
				return errors.New("stuck")
			}
			return nil
		})
		time.Sleep(3500 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, 4, counted.writes)
		stuck.Store(true)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, 4, counted.writes)
		stop()
	})
	require.Equal(t, "WATCHDOG=1", next())
	require.Nil(t, newService(func(string) string { return "" }))
	other := newService(func(name string) string {
		return map[string]string{"NOTIFY_SOCKET": addr, "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}[name]
	})
	require.Zero(t, other.limit, "the manager watches another process")
	other.close()
	s.close()
}

type countingConn struct {
	net.Conn
	writes int
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.writes++
	return c.Conn.Write(b)
}

// A process that ends as soon as it may still tells the manager that it stops.
func TestStoppingIsSentBeforeTheEnd(t *testing.T) {
	ours, theirs := net.Pipe() // a write waits for its reader
	s := &service{conn: ours}
	ctx, cancel := context.WithCancel(t.Context())
	wait := s.stoppingAfter(ctx)
	cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		wait()
		s.close()
	}()
	b := make([]byte, 100)
	n, err := theirs.Read(b)
	require.NoError(t, err)
	require.Equal(t, "STOPPING=1", string(b[:n]))
	<-ended

	s = &service{conn: ours}
	s.stoppingAfter(t.Context())() // ends without a signal: nothing to wait for
	(*service)(nil).stoppingAfter(ctx)()
}
