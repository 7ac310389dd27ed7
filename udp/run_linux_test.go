package udp

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// made is a message that was passed to the kernel: its datagrams and its iovecs.
type made struct{ count, iovs int }

// recordRuns returns a list to which c adds the messages that it sends.
func recordRuns(c *Conn) *[]made {
	all := new([]made)
	tx := &c.sock.(*mmsg).tx
	real := tx.call
	tx.call = func(fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
		n, errno := real(fd, hdrs)
		for i := range n {
			*all = append(*all, made{tx.runs[tx.from+i].count, int(hdrs[i].Iovlen)})
		}
		return n, errno
	}
	return all
}

// A run holds as many bytes as maxRun allows, and no more. The test needs a length that
// divides maxRun.
func TestLongestRun(t *testing.T) {
	const length = 1250
	require.Zero(t, maxRun%length)
	from, c := listen(t, loopback4, Config{}), listen(t, loopback4, Config{MaxDatagram: length})
	requireOffload(t, from)
	runs := recordRuns(from)
	src := sized(c.LocalAddr(), maxRun/length+1, length)
	require.Equal(t, len(src), send(t, from, src...))
	require.Equal(t, []int{maxRun / length, 1}, []int{(*runs)[0].count, (*runs)[1].count})
	requireSame(t, src, receive(t, c, len(src)))
}

// Datagrams of a run that lie one after the other in memory share an iovec; others do not.
func TestContiguousDatagramsShareAnIovec(t *testing.T) {
	from, c := listen(t, loopback4, Config{}), listen(t, loopback4, Config{})
	requireOffload(t, from)
	for gap, iovs := range map[int]int{0: 1, 1: 10} {
		runs := recordRuns(from)
		block := make([]byte, 10*(100+gap))
		src := sized(c.LocalAddr(), 10, 100)
		for i := range src {
			at := block[i*(100+gap):][:100]
			copy(at, src[i].Data)
			src[i].Data = at
		}
		require.Equal(t, len(src), send(t, from, src...))
		require.Equal(t, []made{{10, iovs}}, *runs)
		requireSame(t, src, receive(t, c, len(src)))
	}
}

// A system call that sends nothing and reports no error costs datagrams, but not an
// endless loop.
func TestSendOfNothingEnds(t *testing.T) {
	from := listen(t, loopback4, Config{DisableGSO: true})
	from.sock.(*mmsg).tx.call = func(uintptr, []mmsghdr) (int, syscall.Errno) { return 0, 0 }
	n, err := from.WriteBatch(sized(from.LocalAddr(), 3, 10))
	require.NoError(t, err)
	require.Zero(t, n)
	require.EqualValues(t, 3, from.Stats().WriteLoss.Total())
}

// A datagram that has waited for exactly MaxQueueDelay is returned.
func TestStaleAtTheLimit(t *testing.T) {
	const limit = time.Minute
	for _, over := range []time.Duration{0, 1} {
		c := listen(t, loopback4, Config{MaxQueueDelay: limit})
		rx := &c.sock.(*mmsg).rx
		send(t, c, to(c.LocalAddr(), "x"))
		rx.now = func() time.Time {
			arrived := rx.controls[0].parse(int(rx.hdrs[0].Controllen)).at
			if arrived == 0 {
				t.Skip("the kernel does not stamp datagrams")
			}
			return time.Unix(0, arrived).Add(limit + over)
		}
		n, err := c.ReadBatch(make([]wire.Datagram, 1))
		require.NoError(t, err)
		require.Equal(t, 1-int(over), n)
	}
}
