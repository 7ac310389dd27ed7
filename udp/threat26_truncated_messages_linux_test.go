package udp

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/wire"
)

// mangling is what a kernel, a driver or a sandbox may do to a message that it
// hands over.
type mangling int

const (
	intact      mangling = iota
	cutOff               // MSG_TRUNC: the message did not fit
	controlCut           // MSG_CTRUNC: the length of the datagrams is missing
	controlLost          // it is missing without a flag
	manglings
)

// kernel is recvmmsg, made up: runs of datagrams that it has coalesced, the last
// of each of any length up to that of the others.
type kernel struct {
	t     *testing.T
	r     *rand.Rand
	rx    *receiver
	next  uint32
	whole map[string]bool // the datagrams that were sent, by their bytes
	runs  map[string]bool // and runs of which nothing says where they are to be cut
	want  []string        // what has to come out, in order
	loss  Losses
	sent  int // datagrams
	odd   int // runs with a shorter last one
	done  [manglings]int
}

func (k *kernel) recvmmsg(_ uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
	n := 1 + k.r.IntN(len(hdrs))
	for i := range hdrs[:n] {
		k.fill(i, &hdrs[i])
	}
	return n, 0
}

// fill puts one message into slot i.
func (k *kernel) fill(i int, h *mmsghdr) {
	size, count := 8+k.r.IntN(150), 1+k.r.IntN(20)
	last := size
	if k.r.IntN(2) == 0 {
		last = 1 + k.r.IntN(size)
	}
	if count > 1 && last < size {
		k.odd++
	}
	var run []byte
	var parts []string
	for j := range count {
		length := size
		if j == count-1 {
			length = last
		}
		d := bytes.Repeat([]byte{byte(k.next)}, length)
		if length >= 4 {
			binary.BigEndian.PutUint32(d, k.next)
		}
		k.next++
		run, parts = append(run, d...), append(parts, string(d))
		k.whole[string(d)] = true
	}
	k.sent += count
	how := mangling(k.r.IntN(int(manglings)))
	k.done[how]++

	copy(k.rx.slot(i), run)
	h.n, h.Flags = uint32(len(run)), 0
	binary.NativeEndian.PutUint16(k.rx.names[i][0:], unix.AF_INET)
	h.Namelen = unix.SizeofSockaddrInet4
	control := putControl(&k.rx.controls[i], unix.SOL_UDP, unix.UDP_GRO, uint32(size))
	switch how {
	case intact:
		for _, p := range parts {
			if len(p) > k.rx.max {
				k.loss[LossTruncated]++
				continue
			}
			k.want = append(k.want, p)
		}
	case cutOff:
		h.Flags = unix.MSG_TRUNC
		k.loss[LossTruncated] += uint64(count)
	case controlCut:
		h.Flags = unix.MSG_CTRUNC
		control = k.r.IntN(unix.CmsgLen(4))
		k.loss[LossControl]++ // an unknown number of datagrams
	case controlLost:
		control = 0
		k.runs[string(run)] = true
		if len(run) > k.rx.max {
			k.loss[LossTruncated]++
		} else {
			k.want = append(k.want, string(run))
		}
	}
	h.SetControllen(control)
}

// Whatever the kernel truncates or omits, and whatever length the last datagram
// of a run has, each datagram is returned as it was sent, or, without a length,
// the whole run as one, which no key opens. A fragment is never returned as a
// packet; losses are counted.
func TestThreat26TruncatedMessages(t *testing.T) {
	rounds := 2000
	if testing.Short() {
		rounds /= 10
	}
	c := listen(t, loopback4, Config{Batch: 8, MaxDatagram: 120, MaxQueueDelay: -1})
	requireOffload(t, c)
	m := c.sock.(*mmsg)
	k := &kernel{t: t, r: seed.Rand(t), rx: &m.rx, whole: map[string]bool{}, runs: map[string]bool{}}
	m.rx.call = k.recvmmsg
	got, dst := 0, make([]wire.Datagram, 7)
	poll := func() int {
		n, err := c.Poll(dst)
		require.NoError(t, err)
		for _, d := range dst[:n] {
			b := string(d.Data)
			require.True(t, k.whole[b] || k.runs[b], "%d bytes that were never sent so", len(b))
			require.LessOrEqual(t, len(b), 120)
			require.Equal(t, k.want[got], b)
			got++
		}
		return n
	}
	for range rounds {
		poll()
	}
	m.rx.call = func(uintptr, []mmsghdr) (int, syscall.Errno) { return 0, syscall.EAGAIN }
	for poll() > 0 { // what is left of the last batch
	}
	require.Len(t, k.want, got)
	require.Equal(t, k.loss, c.Stats().ReadLoss)
	require.EqualValues(t, len(k.want), c.Stats().Received)
	real := realTruncation(t)
	t.Logf("row 26: %d datagrams in runs, %d with an odd last one; %d messages cut off (MSG_TRUNC), %d with the control message cut (MSG_CTRUNC), %d without one: lost and counted truncated %d, control %d; %d too long for a real socket: truncated %d; fragments taken for a packet 0, whole datagrams delivered %d of %d due",
		k.sent, k.odd, k.done[cutOff], k.done[controlCut], k.done[controlLost], k.loss[LossTruncated], k.loss[LossControl], real, real, got, len(k.want))
}

// realTruncation has the real kernel cut datagrams off, for each kind of socket,
// between others that fit. It returns how many.
func realTruncation(t *testing.T) (cut int) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		cfg.MaxDatagram = 300
		from, c := listen(t, loopback4, Config{MaxDatagram: wire.MaxDatagram}), listen(t, loopback4, cfg)
		var src []wire.Datagram
		var want []wire.Datagram
		for _, size := range []int{300, 301, 299, 2048, 1, 65000, 300, 302, 302, 302, 100, 300} {
			d := sized(c.LocalAddr(), 1, size)[0]
			src = append(src, d)
			if size <= cfg.MaxDatagram {
				want = append(want, d)
			}
		}
		require.Equal(t, len(src), send(t, from, src...))
		requireSame(t, want, receive(t, c, len(want)))
		requireEmpty(t, c)
		require.Equal(t, losses(map[Loss]uint64{LossTruncated: uint64(len(src) - len(want))}), c.Stats().ReadLoss)
		cut += len(src) - len(want)
	})
	return cut
}
