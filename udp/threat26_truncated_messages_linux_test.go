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

// damage is what a kernel, a driver or a sandbox may do to a message.
type damage int

const (
	intact           damage = iota
	truncated               // MSG_TRUNC: the message did not fit
	controlTruncated        // MSG_CTRUNC: the length of the datagrams is missing
	controlMissing          // the length is missing, without a flag
	damages
)

// damagingKernel returns made-up messages from recvmmsg: runs of coalesced datagrams, the
// last of which may be shorter than the others, with random damage.
type damagingKernel struct {
	t     *testing.T
	r     *rand.Rand
	rx    *receiver
	next  uint32
	whole map[string]bool // the datagrams that were sent
	runs  map[string]bool // runs without the length of their datagrams
	want  []string        // the datagrams that ReadBatch must return, in order
	loss  Losses          // expected
	sent  int             // datagrams
	odd   int             // runs with a shorter last datagram
	done  [damages]int    // messages, by damage
}

func (k *damagingKernel) recvmmsg(_ uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
	n := 1 + k.r.IntN(len(hdrs))
	for i := range hdrs[:n] {
		k.fill(i, &hdrs[i])
	}
	return n, 0
}

// fill puts one message into slot i.
func (k *damagingKernel) fill(i int, h *mmsghdr) {
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
	how := damage(k.r.IntN(int(damages)))
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
	case truncated:
		h.Flags = unix.MSG_TRUNC
		k.loss[LossTruncated] += uint64(count)
	case controlTruncated:
		h.Flags = unix.MSG_CTRUNC
		control = k.r.IntN(unix.CmsgLen(4))
		k.loss[LossControl]++ // how many datagrams it held is unknown
	case controlMissing:
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

// Whatever the kernel truncates or omits, and whatever length the last datagram of a run
// has, each datagram is returned as it was sent or counted as lost. Without the length of
// its datagrams a run is returned as one, which fails authentication. A fragment is never
// returned.
func TestThreat26TruncatedMessages(t *testing.T) {
	rounds := 2000
	if testing.Short() {
		rounds /= 10
	}
	c := listen(t, loopback4, Config{Batch: 8, MaxDatagram: 120, MaxQueueDelay: -1})
	requireOffload(t, c)
	m := c.sock.(*mmsg)
	k := &damagingKernel{t: t, r: seed.Rand(t), rx: &m.rx, whole: map[string]bool{}, runs: map[string]bool{}}
	m.rx.call = k.recvmmsg
	got, dst := 0, make([]wire.Datagram, 7)
	poll := func() int {
		n, err := c.Poll(dst)
		require.NoError(t, err)
		for _, d := range dst[:n] {
			b := string(d.Data)
			require.True(t, k.whole[b] || k.runs[b], "%d bytes are neither a whole datagram nor a whole run", len(b))
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
	for poll() > 0 { // the rest of the last batch
	}
	require.Len(t, k.want, got)
	require.Equal(t, k.loss, c.Stats().ReadLoss)
	require.EqualValues(t, len(k.want), c.Stats().Received)
	real := realTruncation(t)
	t.Logf("row 26: %d datagrams in runs, %d with an odd last one; %d messages truncated (MSG_TRUNC), %d with a truncated control message (MSG_CTRUNC), %d without one; counted as lost: truncated %d, control %d; %d too long for a real socket, counted as truncated: %d; fragments returned 0, whole datagrams returned %d of %d",
		k.sent, k.odd, k.done[truncated], k.done[controlTruncated], k.done[controlMissing], k.loss[LossTruncated], k.loss[LossControl], real, real, got, len(k.want))
}

// realTruncation makes the real kernel truncate datagrams between others that fit, for each
// kind of socket. It returns how many were truncated.
func realTruncation(t *testing.T) (count int) {
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
		count += len(src) - len(want)
	})
	return count
}
