package udp

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra/wire"
)

// Conn is a UDP socket. ReadBatch, Poll and SetReadDeadline must be called from one
// goroutine, and WriteBatch from one goroutine, which may be the same. All other
// methods are safe for concurrent use.
type Conn struct {
	sock     socket
	local    netip.AddrPort
	granted  [2]int
	counters *counters

	closed atomic.Bool
	woken  atomic.Bool // a Wake for which ReadBatch has not returned yet

	// resting is true while the reader waits for the back-off after persistent
	// errors, without reading. Wake and Close end that wait by kick.
	resting atomic.Bool
	kick    chan struct{}

	// Used by the reading goroutine only. stale means that the socket's deadline
	// may differ from deadline: it was never set, or a Wake has replaced it.
	deadline time.Time
	stale    bool
}

// socket is the interface of the implementations of a Conn. They count what happens
// to datagrams.
type socket interface {
	// read fills dst with datagrams whose Data is valid until the next read. If
	// block is true it waits for the first one until the read deadline. In any
	// case it returns available datagrams even after the deadline, unless a Wake
	// has ended its wait before that. It returns
	// 0, nil if there is no datagram to return, and an error only if the socket
	// is closed or broken.
	read(dst []wire.Datagram, block bool) (n int, err error)
	// backoff returns the time to wait before the next read because of
	// persistent errors, or zero.
	backoff() time.Duration
	// write sends src in order and does not keep it. If the socket stays full it
	// drops the rest and returns how many were sent, or, if keep is true, leaves
	// the rest and returns how many are done. It returns an error only if the
	// socket is closed or broken.
	write(src []wire.Datagram, keep bool) (n int, err error)
	// tooLarge returns the indexes of the datagrams of the latest write that were
	// refused for their size.
	tooLarge() []int
	// setReadDeadline may be called from any goroutine, also during read.
	setReadDeadline(t time.Time) error
	// offload may be called from any goroutine.
	offload() Offload
	// close may be called from any goroutine, and ends a waiting read.
	close() error
}

// longAgo is a deadline in the past.
var longAgo = time.Unix(1, 0)

// Listen opens a socket on addr. [::] means IPv4 and IPv6 if the system supports both,
// the zero Addr any address that the system supports, and port 0 a free port. The
// error is ErrConfig, or names addr and wraps the system's error, such as
// syscall.EADDRINUSE.
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
	} else if c.sock, err = newSocket(pc, cfg, c.counters, c.urgent); err != nil {
		return nil, fmt.Errorf("udp: listen %v: %w", addr, err)
	}
	return c, nil
}

// ReadBatch waits for a datagram, the deadline, Wake or Close, and fills dst with the
// available datagrams. dst must not be empty. ReadBatch may return fewer datagrams
// than are available; Config.Batch does not limit their number.
//
// It returns 0, nil at the deadline, after Wake, and if all datagrams that it read
// were lost (see Stats), so that a flood of bad datagrams does not keep the caller
// from its timers. It may also return 0, nil for other reasons, after which the
// caller calls it again. After an expired deadline or a Wake it does not wait, but
// still returns available datagrams. If a Wake ends its wait, what has come at the same
// time may be left to the next ReadBatch.
//
// Data belongs to the Conn and is valid until the next ReadBatch. The caller may
// write to it within its length. It is empty for an empty datagram.
//
// The error is net.ErrClosed after Close. Any other error means that the socket is
// broken: every read failed for ten seconds, for a reason that no state of the
// network explains. While reads fail, ReadBatch waits up to a second between
// attempts.
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
	// Wake sets first the flag and then the expired deadline. ReadBatch sets
	// first the deadline and then reads the flag. So if it has overwritten the
	// deadline of a Wake, it sees the flag.
	if d := c.sock.backoff(); d > 0 {
		c.rest(d)
	}
	n, err = c.sock.read(dst, !c.woken.Load())
	// Load is cheap and usually enough. Swap, unlike Store, synchronizes with the
	// Wake that it answers.
	if c.woken.Load() && c.woken.Swap(false) {
		c.stale = true
	}
	if n == 0 {
		// The deadline that ended the wait may belong to a Wake answered
		// earlier, which set it late.
		c.stale = true
	}
	if err != nil {
		return 0, c.failure(err)
	}
	return n, nil
}

// urgent reports whether the reader has been woken before its deadline. Otherwise it is to read
// whatever has come before it acts upon the deadline, as after a pause of the whole process,
// at whose end the deadline is noticed before what has come.
func (c *Conn) urgent() bool {
	return c.woken.Load() && (c.deadline.IsZero() || time.Now().Before(c.deadline))
}

// rest waits until d has passed, the deadline, Wake or Close.
func (c *Conn) rest(d time.Duration) {
	if !c.deadline.IsZero() {
		d = min(d, time.Until(c.deadline))
	}
	c.resting.Store(true)
	defer c.resting.Store(false)
	// Wake and Close first set their flags and then read resting, so either this
	// sees a flag or they see resting.
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

// Poll is like ReadBatch but does not wait. It returns 0, nil if no datagram is
// available. Without recvmmsg it may also do so if the goroutine is descheduled at
// that moment; then ReadBatch returns the datagrams. A pending Wake remains pending.
func (c *Conn) Poll(dst []wire.Datagram) (n int, err error) {
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	if n, err = c.sock.read(dst, false); err != nil {
		return 0, c.failure(err)
	}
	return n, nil
}

// SetReadDeadline sets the time until which the next ReadBatch waits. The zero time
// means no limit. It must be called from the reading goroutine. Setting the same time
// again costs nothing.
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

// Wake makes the waiting ReadBatch return, or the next one return without waiting.
// Several Wakes before ReadBatch returns count as one. Wake synchronizes with the
// return of that ReadBatch, in the sense of the Go memory model.
func (c *Conn) Wake() {
	if c.woken.Swap(true) {
		return
	}
	c.counters.wakes.Add(1)
	// This fails only if the socket is closed, and then no read waits.
	_ = c.sock.setReadDeadline(longAgo)
	c.unrest()
}

// WriteBatch sends src in order, and returns the number of datagrams that the kernel
// accepted. The others are lost and counted by reason: an error concerns one
// datagram, and the following ones are sent. While the socket is not writable,
// WriteBatch waits, for about a millisecond in total, and then drops the rest. On a
// dual-stack socket src may contain IPv4 and IPv6 addresses.
//
// WriteBatch does not keep src. The error is net.ErrClosed after Close. Any other
// error means that the socket is broken: no datagram could be sent for ten seconds,
// for a reason that no state of the network explains.
func (c *Conn) WriteBatch(src []wire.Datagram) (n int, err error) {
	return c.write(src, false)
}

// WriteSome is [Conn.WriteBatch], except that it does not drop the rest of src if the
// socket stays full. It returns how many datagrams of src are done: sent, or lost for
// another reason. The caller may send src[done:] later. They do not count as handed to
// WriteBatch yet.
func (c *Conn) WriteSome(src []wire.Datagram) (done int, err error) {
	return c.write(src, true)
}

func (c *Conn) write(src []wire.Datagram, keep bool) (n int, err error) {
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	if len(src) == 0 {
		return 0, nil
	}
	n, err = c.sock.write(src, keep)
	if err != nil {
		return n, c.failure(err)
	}
	return n, nil
}

// TooLarge returns the indexes, in the latest batch of WriteBatch or WriteSome, of the
// datagrams that the system refused as larger than its interface carries. They count as
// lost. The slice is valid until the next batch. It is empty without Linux.
func (c *Conn) TooLarge() []int { return c.sock.tooLarge() }

// LocalAddr returns the address to which the socket is bound.
func (c *Conn) LocalAddr() netip.AddrPort { return c.local }

// Stats returns a copy of the counters.
func (c *Conn) Stats() Stats { return c.counters.stats() }

// Granted returns the sizes in bytes of the kernel's queues, in the units of
// Config.ReadBuffer and Config.WriteBuffer.
func (c *Conn) Granted() (readBuffer, writeBuffer int) { return c.granted[0], c.granted[1] }

// Offload lists the kernel's offloads that are in use.
type Offload struct {
	// GSO means that a run of datagrams to one address is sent as one message.
	GSO bool
	// GRO means that a run of datagrams from one address is received as one
	// message.
	GRO bool
}

// Offload returns the offloads in use. GSO is disabled when a route does not support
// it.
func (c *Conn) Offload() Offload { return c.sock.offload() }

// Close closes the socket. A waiting ReadBatch or WriteBatch returns net.ErrClosed. So
// does Close if the socket is already closed.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	c.unrest()
	return c.sock.close()
}

// failure returns net.ErrClosed if the socket is closed, or err with a prefix.
func (c *Conn) failure(err error) error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	return fmt.Errorf("udp: %w", err)
}
