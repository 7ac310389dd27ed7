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

// readUntilError reads until ReadBatch fails. It calls before with the number of returns so
// far, and after with the number of datagrams. It returns the number of returns, and the
// error.
func readUntilError(c *Conn, before, after func(n int)) (returns int, err error) {
	dst := make([]wire.Datagram, 4)
	for {
		before(returns)
		n, err := c.ReadBatch(dst)
		if err != nil {
			return returns, err
		}
		returns++
		after(n)
	}
}

// A Wake before a read makes that read return, even if the deadline is set in between and
// after earlier Wakes.
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
				require.False(t, c.woken.Load(), "one return must answer all Wakes before it")
			}
		}
		require.EqualValues(t, 12, c.Stats().Wakes)
	})
}

// A write before a Wake is visible to the reader after a later return of ReadBatch, however
// the two interleave and whatever deadlines the reader sets. A Wake does not make the reader
// spin.
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
			n, _ := readUntilError(c, func(i int) {
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

// A reader whose deadline has expired, or for which a Wake is pending, at every call still
// receives datagrams.
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
			// A busy kernel may deliver the datagram a little later. If ReadBatch
			// did not read after the deadline, it would never return it.
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

// ReadBatch returns nothing at its deadline, and waits again once that is cleared.
func TestDeadline(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		c := listen(t, loopback4, cfg)
		deadline := time.Now().Add(2 * time.Millisecond)
		require.NoError(t, c.SetReadDeadline(deadline))
		for time.Now().Before(deadline) { // earlier returns are allowed
			n, err := c.ReadBatch(make([]wire.Datagram, 1))
			require.NoError(t, err)
			require.Zero(t, n)
		}
		// A cleared deadline does not end the next read.
		require.NoError(t, c.SetReadDeadline(time.Time{}))
		send(t, c, to(c.LocalAddr(), "x"))
		require.Len(t, receive(t, c, 1), 1)
	})
}

// Close ends a blocked read with net.ErrClosed.
func TestCloseWhileBlocked(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		for range 50 {
			c := listen(t, loopback4, cfg)
			reading, ended := make(chan bool, 1), make(chan error)
			go func() {
				_, err := readUntilError(c, func(i int) {
					if i == 0 {
						reading <- true
					}
				}, func(int) {})
				ended <- err
			}()
			<-reading
			require.NoError(t, c.Close())
			require.ErrorIs(t, <-ended, net.ErrClosed)
		}
	})
}

// Everything that may be called concurrently is called while datagrams are sent and
// received, for the race detector.
func TestConcurrency(t *testing.T) {
	eachSocket(t, func(t *testing.T, cfg Config) {
		c := listen(t, loopback4, cfg)
		var wg, wakers sync.WaitGroup
		wg.Go(func() {
			_, err := readUntilError(c, func(i int) {
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
