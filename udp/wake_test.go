package udp

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// readUntil reads until done, calling returned after every return, and hands
// over the number of returns and the last error.
func readUntil(c *Conn, before func(i int), returned func(n int)) (returns int, err error) {
	dst := make([]wire.Datagram, 4)
	for {
		before(returns)
		n, err := c.ReadBatch(dst)
		if err != nil {
			return returns, err
		}
		returns++
		returned(n)
	}
}

// A Wake that comes first is not lost, neither to a new deadline nor to the
// reads before it.
func TestWakeBeforeRead(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		c := listen(t, loopback4, cfg)
		dst := make([]wire.Datagram, 1)
		for _, deadline := range []time.Time{{}, time.Now().Add(time.Hour), time.Now().Add(2 * time.Hour), {}} {
			for range 3 {
				c.Wake()
				c.Wake()
				require.NoError(t, c.SetReadDeadline(deadline))
				n, err := c.ReadBatch(dst)
				require.NoError(t, err)
				require.Zero(t, n)
				require.False(t, c.woken.Load(), "one return answers all Wakes before it")
			}
		}
		require.EqualValues(t, 12, c.Stats().Wakes)
	})
}

// Whatever is done before Wake is seen after some return of ReadBatch, however
// the two meet and whatever the reader does to its deadline; and a Wake does
// not leave the reader spinning.
func TestWakeIsNeverLost(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		const rounds = 2000
		c := listen(t, loopback4, cfg)
		var asked atomic.Int64
		answered := make(chan int64, rounds)
		returns := make(chan int, 1)
		go func() {
			last := int64(0)
			far := time.Now().Add(time.Hour)
			n, _ := readUntil(c, func(i int) {
				if i%2 == 0 {
					c.SetReadDeadline(far.Add(time.Duration(i%5) * time.Second))
				}
			}, func(int) {
				if now := asked.Load(); now != last {
					last = now
					answered <- now
				}
			})
			returns <- n
		}()
		for range rounds {
			want := asked.Add(1)
			c.Wake()
			for <-answered != want {
			}
		}
		require.NoError(t, c.Close())
		require.LessOrEqual(t, <-returns, 2*rounds)
	})
}

// A reader that finds its deadline passed, or a Wake pending, at every call
// still reads.
func TestExpiredDeadlineDoesNotStarve(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		c := listen(t, loopback4, cfg)
		dst := make([]wire.Datagram, 1)
		for _, prepare := range []func(i int){
			func(i int) { c.SetReadDeadline(longAgo.Add(time.Duration(i))) },
			func(int) { c.SetReadDeadline(longAgo) },
			func(int) { c.SetReadDeadline(time.Time{}); c.Wake() },
		} {
			send(t, c, to(c.LocalAddr(), "x"))
			n := 0
			// The kernel may hand the datagram over a little later, when it has
			// much to do; without the deadline's share of reading, never.
			for i := 0; n == 0 && i < 1_000_000; i++ {
				runtime.Gosched()
				prepare(i)
				var err error
				n, err = c.ReadBatch(dst)
				require.NoError(t, err)
			}
			require.Equal(t, 1, n)
		}
	})
}

func TestDeadline(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		c := listen(t, loopback4, cfg)
		deadline := time.Now().Add(2 * time.Millisecond)
		require.NoError(t, c.SetReadDeadline(deadline))
		for time.Now().Before(deadline) { // the first return is the deadline's
			n, err := c.ReadBatch(make([]wire.Datagram, 1))
			require.NoError(t, err)
			require.Zero(t, n)
		}
		// Cleared, it does not end the next read.
		require.NoError(t, c.SetReadDeadline(time.Time{}))
		send(t, c, to(c.LocalAddr(), "x"))
		require.Len(t, receive(t, c, 1), 1)
	})
}

func TestCloseWhileBlocked(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		for range 50 {
			c := listen(t, loopback4, cfg)
			about, ended := make(chan bool, 1), make(chan error)
			go func() {
				_, err := readUntil(c, func(i int) {
					if i == 0 {
						about <- true
					}
				}, func(int) {})
				ended <- err
			}()
			<-about
			require.NoError(t, c.Close())
			require.ErrorIs(t, <-ended, net.ErrClosed)
		}
	})
}

// For the race detector: everything that may be called at any time is, while
// datagrams flow.
func TestConcurrency(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		c := listen(t, loopback4, cfg)
		var wg, wakers sync.WaitGroup
		wg.Go(func() {
			_, err := readUntil(c, func(i int) {
				c.SetReadDeadline(time.Now().Add(time.Duration(i%3) * time.Millisecond))
			}, func(int) {})
			if err != net.ErrClosed {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for {
				if _, err := c.WriteBatch([]wire.Datagram{to(c.LocalAddr(), "x")}); err != nil {
					return
				}
			}
		})
		for range 3 {
			wakers.Go(func() {
				for range 300 {
					c.Wake()
					c.Stats()
					c.LocalAddr()
				}
			})
		}
		wakers.Wait()
		for c.Stats().Received < 100 {
			c.Wake()
			runtime.Gosched()
		}
		require.NoError(t, c.Close())
		wg.Wait()
	})
}
