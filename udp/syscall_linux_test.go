package udp

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/wire"
)

// logTo makes cfg log to a buffer, and returns it.
func logTo(cfg *Config) *bytes.Buffer {
	var log bytes.Buffer
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	return &log
}

// inFilteredProcess runs the calling test again for each mode, each time in a new process,
// because a seccomp filter cannot be removed from a process. In such a process it returns
// the mode and true; in the original one it returns false.
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

// If recvmmsg and sendmmsg are refused, as by the seccomp filter of a container runtime or
// by an old kernel, a Conn falls back to single calls, logs that once, and loses nothing.
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

// refuse installs a seccomp filter in all threads of this process, which fails some system
// calls with errno: those for which the program match runs to its end. A jump to the
// instruction after the next one beyond its end allows the call.
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

// EPERM from a firewall concerns one datagram; sendmmsg stays in use.
func TestFirewallDoesNotDisableSendmmsg(t *testing.T) {
	c := listen(t, loopback4, Config{DisableGSO: true})
	tx := &c.sock.(*mmsg).tx
	faulty(&tx.call, syscall.EPERM)
	require.Equal(t, 1, send(t, c, to(c.LocalAddr(), "a"), to(c.LocalAddr(), "b")))
	require.True(t, tx.batched)
	require.Equal(t, losses(map[Loss]uint64{LossNotPermitted: 1}), c.Stats().WriteLoss)
}

// Reads that keep failing do not spin: they back off by up to a second and are logged at a
// limited rate. They end the Conn if the network cannot be the cause. The test provides
// the time.
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
		require.Less(t, calls, uint64(620*maxReports), "more than one attempt per second")
		require.LessOrEqual(t, bytes.Count(log.Bytes(), []byte("\n")), 11, "more than one log line per minute:\n%s", log)
		require.NotEmpty(t, log.String())

		m.rx.call = recvmmsg
		c.Wake()
		_, err = c.ReadBatch(make([]wire.Datagram, 1))
		require.NoError(t, err)
		require.Zero(t, c.sock.backoff(), "a successful call must end the back-off")
	}
}

// Wake and Close interrupt the back-off.
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

// WriteBatch returns an error once all writes have failed for brokenAfter, if the network
// cannot be the cause. A firewall that blocks everything does not end a Conn.
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

// A datagram that is sent ends the trouble, so that the time of failing starts again.
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

// Nothing is read during a back-off.
func TestNothingIsReadDuringTheBackoff(t *testing.T) {
	c := listen(t, loopback4, Config{})
	send(t, c, to(c.LocalAddr(), "x"))
	m := c.sock.(*mmsg)
	m.rx.trouble.since, m.rx.trouble.backoff = time.Now(), time.Hour
	read := make(chan int, 1)
	go func() {
		n, _ := c.ReadBatch(make([]wire.Datagram, 1))
		read <- n
	}()
	for !c.resting.Load() {
		require.Empty(t, read, "it has read")
		runtime.Gosched()
	}
	require.Empty(t, read, "it has read")
	c.Wake()
	<-read
}

// Without the privilege to exceed the system's limit, a buffer has the size that was
// asked for as far as the limit allows.
func TestBuffersWithoutPrivileges(t *testing.T) {
	_, filtered := inFilteredProcess(t, "EPERM")
	if !filtered {
		return
	}
	refuse(t, syscall.EPERM, []unix.SockFilter{
		{Code: bpfLoad, K: 0}, // the number of the system call
		{Code: bpfEqual, K: unix.SYS_SETSOCKOPT, Jf: 4},
		{Code: bpfLoad, K: 32}, // the option
		{Code: bpfEqual, K: unix.SO_RCVBUFFORCE, Jt: 1},
		{Code: bpfEqual, K: unix.SO_SNDBUFFORCE, Jf: 1},
	})
	r, w := listen(t, loopback4, Config{ReadBuffer: 100_000, WriteBuffer: 80_000}).Granted()
	require.Equal(t, []int{100_000, 80_000}, []int{r, w})
	r, _ = listen(t, loopback4, Config{ReadBuffer: 1 << 30}).Granted()
	require.Less(t, r, 1<<30)
}

// With the privilege, the system's limit does not apply.
func TestBuffersWithPrivileges(t *testing.T) {
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	raw, err := pc.(*net.UDPConn).SyscallConn()
	require.NoError(t, err)
	const big = 64 << 20
	require.NoError(t, raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, big)
	}))
	if err != nil {
		t.Skipf("no privilege: %v", err)
	}
	granted, err := setBuffers(pc.(*net.UDPConn), Config{ReadBuffer: big, WriteBuffer: big})
	require.NoError(t, err)
	require.Equal(t, [2]int{big, big}, granted)
	require.NoError(t, pc.Close())
	_, err = setBuffers(pc.(*net.UDPConn), Config{ReadBuffer: big, WriteBuffer: big})
	require.ErrorIs(t, err, net.ErrClosed)
}
