package udp

import (
	"bytes"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/wire"
)

// logTo makes cfg log into the buffer that is returned.
func logTo(cfg *Config) *bytes.Buffer {
	var log bytes.Buffer
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	return &log
}

// inFilteredProcess runs the test that calls it once more in a process of its
// own for each mode, since a seccomp filter lasts as long as its process. There
// it returns the mode; in the first process it returns false.
func inFilteredProcess(t *testing.T, modes ...string) (mode string, filtered bool) {
	const variable = "INTENTRA_TEST_SECCOMP"
	if mode := os.Getenv(variable); mode != "" {
		return mode, true
	}
	for _, mode := range modes {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), variable+"="+mode)
		out, err := cmd.CombinedOutput()
		if bytes.Contains(out, []byte("--- SKIP")) {
			t.Skipf("%s", out)
		}
		require.NoError(t, err, "%s: %s", mode, out)
	}
	return "", false
}

// With recvmmsg and sendmmsg refused by a seccomp filter, as a container
// runtime or an old kernel does, a Conn falls back to single calls, says so
// once, and loses nothing.
func TestRefusedSystemCalls(t *testing.T) {
	mode, filtered := inFilteredProcess(t, "ENOSYS", "EPERM")
	if !filtered {
		return
	}
	errno := map[string]syscall.Errno{"ENOSYS": syscall.ENOSYS, "EPERM": syscall.EPERM}[mode]
	refuse(t, errno, []unix.SockFilter{
		{Code: bpfLoad, K: 0}, // the number of the system call
		{Code: bpfEqual, K: unix.SYS_RECVMMSG, Jt: 1},
		{Code: bpfEqual, K: unix.SYS_SENDMMSG, Jf: 1},
	})
	var cfg Config
	log := logTo(&cfg)
	a, b := listen(t, dualStack, cfg), listen(t, loopback4, cfg)
	const n = 300
	var src []wire.Datagram
	for i := range n {
		src = append(src, wire.Datagram{Data: []byte{byte(i), byte(i >> 8)}, Addr: at(a, netip.MustParseAddr("127.0.0.2"))})
	}
	require.Equal(t, n, send(t, b, src...))
	got := receive(t, a, n)
	for i := range got {
		require.Equal(t, src[i].Data, got[i].Data)
		got[i].Addr = b.LocalAddr()
	}
	require.Equal(t, n, send(t, a, got...))
	for _, d := range receive(t, b, n) {
		require.Equal(t, at(a, netip.MustParseAddr("127.0.0.2")), d.Addr)
	}
	for _, c := range []*Conn{a, b} {
		require.Zero(t, c.Stats().Reported.Total())
	}
	require.Equal(t, 2, bytes.Count(log.Bytes(), []byte("recvmmsg cannot be used")), "once for each socket:\n%s", log)
	require.Equal(t, 2, bytes.Count(log.Bytes(), []byte("sendmmsg cannot be used")), "once for each socket:\n%s", log)
}

// BPF instructions of a seccomp filter.
const (
	bpfLoad  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	bpfEqual = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	bpfGive  = unix.BPF_RET | unix.BPF_K
)

// refuse has the kernel answer system calls with errno, in all threads of this
// process, from now on: those for which match runs into its end. A jump by one
// beyond its end lets the call through.
func refuse(t *testing.T, errno syscall.Errno, match []unix.SockFilter) {
	const (
		allow   = 0x7fff0000 // SECCOMP_RET_ALLOW
		give    = 0x00050000 // SECCOMP_RET_ERRNO
		setMode = 1          // SECCOMP_SET_MODE_FILTER
		tsync   = 1          // SECCOMP_FILTER_FLAG_TSYNC
	)
	program := append(match, unix.SockFilter{Code: bpfGive, K: give | uint32(errno)}, unix.SockFilter{Code: bpfGive, K: allow})
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		if _, _, e := syscall.RawSyscall(unix.SYS_SECCOMP, setMode, tsync, uintptr(unsafe.Pointer(&filter))); e != 0 {
			err = e
		}
	}
	if err != nil {
		t.Skipf("seccomp is not available: %v", err)
	}
}

// EPERM from a firewall is about one datagram and not about the system call.
func TestFirewallIsNoRefusedCall(t *testing.T) {
	c := listen(t, loopback4, Config{DisableGSO: true})
	tx := &c.sock.(*mmsg).tx
	faulty(&tx.call, syscall.EPERM)
	require.Equal(t, 1, send(t, c, to(c.LocalAddr(), "a"), to(c.LocalAddr(), "b")))
	require.True(t, tx.batched)
	require.Equal(t, losses(map[Loss]uint64{LossNotPermitted: 1}), c.Stats().WriteLoss)
}

// A read that fails for ever does not spin: it backs off up to a second, is
// logged at a limited rate, and ends the Conn if the network cannot be the
// reason. Time is the test's.
func TestReadFailsForEver(t *testing.T) {
	for _, tt := range []struct {
		errno syscall.Errno
		ends  bool
	}{{syscall.EBADF, true}, {syscall.ENETDOWN, false}} {
		var cfg Config
		log := logTo(&cfg)
		c := listen(t, loopback4, cfg)
		m := c.sock.(*mmsg)
		now := time.Unix(0, 0)
		m.rx.trouble.now = func() time.Time { return now }
		m.rx.call = func(uintptr, []mmsghdr) (int, syscall.Errno) { return -1, tt.errno }
		var err error
		var waited time.Duration
		for waited < 10*time.Minute && err == nil {
			c.Wake() // so that the test does not wait
			_, err = c.ReadBatch(make([]wire.Datagram, 1))
			now = now.Add(max(c.sock.backoff(), time.Microsecond))
			waited += max(c.sock.backoff(), time.Microsecond)
		}
		calls := c.Stats().Reported.Total()
		if tt.ends {
			require.ErrorIs(t, err, tt.errno)
			require.InDelta(t, brokenAfter, waited, float64(2*maxBackoff))
			require.Less(t, calls, uint64(25*maxReports))
			continue
		}
		require.NoError(t, err)
		require.Less(t, calls, uint64(620*maxReports), "one try a second")
		require.LessOrEqual(t, bytes.Count(log.Bytes(), []byte("\n")), 11, "one line a minute:\n%s", log)
		require.NotEmpty(t, log.String())

		m.rx.call = recvmmsg
		c.Wake()
		_, err = c.ReadBatch(make([]wire.Datagram, 1))
		require.NoError(t, err)
		require.Zero(t, c.sock.backoff(), "a call that succeeds ends the back-off")
	}
}

// A Wake and a Close end the back-off at once.
func TestBackoffIsInterrupted(t *testing.T) {
	for _, interrupt := range []func(*Conn){(*Conn).Wake, func(c *Conn) { c.Close() }} {
		c := listen(t, loopback4, Config{})
		m := c.sock.(*mmsg)
		m.rx.trouble.since, m.rx.trouble.backoff = time.Now(), time.Hour
		ended := make(chan error)
		go func() {
			_, err := c.ReadBatch(make([]wire.Datagram, 1))
			ended <- err
		}()
		interrupt(c)
		if err := <-ended; err != nil {
			require.True(t, c.closed.Load())
		}
	}
}

// A socket that can send nothing for a reason that the network does not explain
// fails after a while; a firewall that lets nothing out does not end it.
func TestWriteFailsForEver(t *testing.T) {
	for _, tt := range []struct {
		errno syscall.Errno
		ends  bool
	}{{syscall.ENOTSOCK, true}, {syscall.EPERM, false}} {
		var cfg Config
		log := logTo(&cfg)
		c := listen(t, loopback4, cfg)
		tx := &c.sock.(*mmsg).tx
		now := time.Unix(0, 0)
		tx.trouble.now = func() time.Time { return now }
		tx.call = func(uintptr, []mmsghdr) (int, syscall.Errno) { return -1, tt.errno }
		src := []wire.Datagram{to(c.LocalAddr(), "x"), to(c.LocalAddr(), "y")}
		var err error
		for range 1000 {
			var n int
			n, err = c.WriteBatch(src)
			require.Zero(t, n)
			if err != nil {
				break
			}
			now = now.Add(100 * time.Millisecond)
		}
		require.Equal(t, tt.ends, err != nil, "%v", err)
		if tt.ends {
			require.ErrorIs(t, err, tt.errno)
			require.Equal(t, brokenAfter, now.Sub(time.Unix(0, 0)))
		}
		require.LessOrEqual(t, bytes.Count(log.Bytes(), []byte("\n")), 2, "%s", log)
	}
}

// One datagram that goes out ends the count.
func TestWriteRecovers(t *testing.T) {
	c := listen(t, loopback4, Config{})
	tx := &c.sock.(*mmsg).tx
	now := time.Unix(0, 0)
	tx.trouble.now = func() time.Time { return now }
	broken := func(uintptr, []mmsghdr) (int, syscall.Errno) { return -1, syscall.ENOTSOCK }
	for range 100 {
		tx.call = broken
		_, err := c.WriteBatch([]wire.Datagram{to(c.LocalAddr(), "x")})
		require.NoError(t, err)
		now = now.Add(brokenAfter)
		tx.call = sendmmsg
		n, err := c.WriteBatch([]wire.Datagram{to(c.LocalAddr(), "x")})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		receive(t, c, 1)
	}
}
