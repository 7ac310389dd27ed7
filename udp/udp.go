package udp

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra/wire"
)

// Conn is a UDP socket. ReadBatch, Poll and SetReadDeadline belong to one goroutine,
// WriteBatch to one goroutine, which may be the same; all other methods may be
// called from any goroutine at any time.
type Conn struct {
	sock     socket
	local    netip.AddrPort
	granted  [2]int
	counters *counters

	closed atomic.Bool
	woken  atomic.Bool // a Wake that no return of ReadBatch has answered yet

	// resting is true while the reader waits out the back-off after a run of
	// errors, away from the socket; Wake and Close then end the wait by kick.
	resting atomic.Bool
	kick    chan struct{}

	// Of the reading goroutine. stale says that the socket's deadline may not
	// be deadline: it was never set, or a Wake has replaced it.
	deadline time.Time
	stale    bool
}

// socket is what a Conn needs of an implementation. It counts what becomes of
// datagrams itself.
type socket interface {
	// read fills dst with datagrams whose Data is good until the next read.
	// With block it waits for the first one until the read deadline. With or
	// without block it takes what is there even if the deadline has passed.
	// It returns 0, nil if there is nothing, or nothing worth returning, and
	// an error only if it is closed or broken.
	read(dst []wire.Datagram, block bool) (n int, err error)
	// backoff returns how long to wait before the next read because reading
	// keeps failing; zero if it does not.
	backoff() time.Duration
	// write sends src in order, keeps nothing of it, and returns an error only
	// if it is closed or broken.
	write(src []wire.Datagram) (n int, err error)
	// setReadDeadline may be called from any goroutine, during read too.
	setReadDeadline(t time.Time) error
	// offload may be called from any goroutine.
	offload() Offload
	// close may be called from any goroutine, and ends a read that waits.
	close() error
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// Listen opens a socket on addr. [::] takes IPv4 and IPv6 where the system has
// both; the zero Addr means any address of whatever the system has; port 0
// picks a free one. The error names addr and wraps the system's, for example
// syscall.EADDRINUSE, or is ErrConfig.
func Listen(addr netip.AddrPort, cfg Config) (*Conn, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	pc, granted, err := open(normalize(addr), cfg)
	if err != nil {
		return nil, fmt.Errorf("udp: %w", err)
	}
	c := &Conn{
		local:    normalize(pc.LocalAddr().(*net.UDPAddr).AddrPort()),
		granted:  granted,
		counters: new(counters),
		kick:     make(chan struct{}, 1),
	}
	if cfg.Portable {
		c.sock = newPortable(pc, cfg, c.counters)
	} else if c.sock, err = newSocket(pc, cfg, c.counters); err != nil {
		return nil, fmt.Errorf("udp: listen %v: %w", addr, err)
	}
	return c, nil
}

// ReadBatch waits for at least one datagram, the deadline, Wake or Close, and
// fills dst, which must not be empty, with what is there. One call returns no
// more than len(dst), whatever Config.Batch is, and may return less than there
// is to read.
//
// It returns 0, nil at the deadline, after Wake, and when all that it took was
// lost, which Stats counts; so a flood of bad datagrams does not keep the
// caller from its timers. It may also do so for no reason; call it again. An
// expired deadline or a pending Wake only means that it does not wait:
// datagrams that are there are returned all the same.
//
// Data belongs to the Conn and is good until the next ReadBatch. The caller may
// write within its length. It is empty for an empty datagram.
//
// The error is net.ErrClosed after Close. Any other error means that the socket
// is broken: every read has failed for ten seconds, for a reason that no state
// of the network explains. While reads fail, ReadBatch waits up to a second
// between tries.
func (c *Conn) ReadBatch(dst []wire.Datagram) (n int, err error) {
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	if c.stale {
		c.stale = false
		if err := c.sock.setReadDeadline(c.deadline); err != nil {
			return 0, c.failure(err)
		}
	}
	// Wake sets the flag first and the expired deadline second. Here it is the
	// deadline first and the flag second: so a Wake whose deadline has just
	// been overwritten is always seen by its flag.
	if d := c.sock.backoff(); d > 0 {
		c.rest(d)
	}
	n, err = c.sock.read(dst, !c.woken.Load())
	// Load alone is the cheap common case. Swap, not Store: it observes every
	// Wake that it answers.
	if c.woken.Load() && c.woken.Swap(false) {
		c.stale = true
	}
	if n == 0 {
		// Perhaps the deadline that ended the wait was that of a Wake answered
		// earlier, whose second step came late.
		c.stale = true
	}
	if err != nil {
		return 0, c.failure(err)
	}
	return n, nil
}

// rest waits for d, but not past the deadline, a Wake or Close.
func (c *Conn) rest(d time.Duration) {
	if !c.deadline.IsZero() {
		d = min(d, time.Until(c.deadline))
	}
	c.resting.Store(true)
	defer c.resting.Store(false)
	// Wake and Close set their flags first and look at resting second, so
	// either they are seen here or they see resting.
	if c.woken.Load() || c.closed.Load() || d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.kick:
	}
}

// unrest ends a rest.
func (c *Conn) unrest() {
	if c.resting.Load() {
		select {
		case c.kick <- struct{}{}:
		default:
		}
	}
}

// Poll is ReadBatch for a caller who does not want to wait: 0, nil says that
// there is nothing; without recvmmsg it may also say so when the processor was
// taken away in that moment, and ReadBatch then finds what there is. It leaves a
// pending Wake alone.
func (c *Conn) Poll(dst []wire.Datagram) (n int, err error) {
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	if n, err = c.sock.read(dst, false); err != nil {
		return 0, c.failure(err)
	}
	return n, nil
}

// SetReadDeadline says how long ReadBatch waits; the zero time means for ever.
// It is for the goroutine that reads, and takes effect at its next ReadBatch.
// Setting the same time again costs nothing.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	if !t.Equal(c.deadline) {
		c.deadline = t
		c.stale = true
	}
	return nil
}

// Wake makes ReadBatch return without waiting: the one that waits now, or else
// the next one. Wakes that come before ReadBatch has returned count as one.
// What the caller did before Wake is visible to the reader when that ReadBatch
// returns.
func (c *Conn) Wake() {
	if c.woken.Swap(true) {
		return
	}
	c.counters.wakes.Add(1)
	// It fails only on a closed socket, and there no read waits.
	_ = c.sock.setReadDeadline(longAgo)
	c.unrest()
}

// WriteBatch sends all of src, in order, and returns how many datagrams the
// kernel took. What it did not take is lost and counted by reason: an error
// concerns one datagram, and the rest are sent all the same. While the socket
// is not writable it waits, for about a millisecond in all, and then drops the
// rest. On a dual-stack socket src may mix IPv4 and IPv6 addresses.
//
// src stays the caller's; nothing of it is read after the return. The error is
// net.ErrClosed after Close. Any other error means that the socket is broken:
// for ten seconds no datagram could be sent, for a reason that no state of the
// network explains.
func (c *Conn) WriteBatch(src []wire.Datagram) (n int, err error) {
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	if len(src) == 0 {
		return 0, nil
	}
	n, err = c.sock.write(src)
	if err != nil {
		return n, c.failure(err)
	}
	return n, nil
}

// LocalAddr returns the address that the socket is bound to.
func (c *Conn) LocalAddr() netip.AddrPort { return c.local }

// Stats returns a copy of the counters.
func (c *Conn) Stats() Stats { return c.counters.stats() }

// Granted returns the bytes that the kernel gave for its queues, comparable to
// those asked for in Config.
func (c *Conn) Granted() (readBuffer, writeBuffer int) { return c.granted[0], c.granted[1] }

// Offload is what the kernel does for a socket beyond single datagrams.
type Offload struct {
	// GSO: a run of datagrams to one address is sent as one message.
	GSO bool
	// GRO: a run of datagrams from one address is received as one.
	GRO bool
}

// Offload returns what is in use. GSO ends when a route turns out not to
// support it.
func (c *Conn) Offload() Offload { return c.sock.offload() }

// Close closes the socket. A ReadBatch or WriteBatch that waits returns
// net.ErrClosed. So does Close itself if it is not the first.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	c.unrest()
	return c.sock.close()
}

// failure turns any error of a closed socket into net.ErrClosed.
func (c *Conn) failure(err error) error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	return fmt.Errorf("udp: %w", err)
}
