package udp

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/intentra/intentra/wire"
)

// ErrConfig is wrapped by errors that Listen returns for an invalid Config.
var ErrConfig = errors.New("udp: invalid config")

// Config configures a Conn. A zero field means its default.
type Config struct {
	// ReadBuffer and WriteBuffer are the requested sizes in bytes of the
	// kernel's queues, up to 1 GiB. The default is DefaultBuffer. Conn.Granted
	// returns the sizes that the kernel granted.
	ReadBuffer, WriteBuffer int
	// Batch is the maximum number of slots per system call, at most 1024. A slot
	// holds a datagram or a run of up to 64 of them. The default is 64. With GRO a
	// slot takes 64 KiB, but only while the socket has datagrams to return: after
	// that, other sockets of the process use the same memory.
	Batch int
	// MaxDatagram is the size in bytes of the largest datagram that is
	// received, at most 65507. Larger ones are dropped and counted. The
	// default is 2048.
	MaxDatagram int
	// Portable selects the implementation with package net on all systems.
	Portable bool
	// DisableDontFragment lets IP fragment datagrams. By default the
	// don't-fragment flag is set where the system supports it (Linux), and a
	// datagram larger than the interface's MTU is lost as LossTooLarge.
	DisableDontFragment bool
	// MaxQueueDelay is the maximum time that a datagram may have waited in the
	// kernel's receive queue. Older datagrams are dropped as LossStale, so that
	// an overloaded receiver processes fresh datagrams. The default is 250 ms;
	// a negative value means no limit. It has an effect on Linux only.
	MaxQueueDelay time.Duration
	// DisableGSO and DisableGRO disable the kernel's segmentation of sent
	// datagrams and its coalescing of received ones. By default both are used
	// if the kernel supports them; see Conn.Offload.
	DisableGSO, DisableGRO bool

	// DSCP is the differentiated services code point (RFC 2474) of sent
	// datagrams, from 0 to 63. 46 requests expedited forwarding. The default,
	// 0, is best effort. Linux only, as are the fields up to BusyPoll.
	DSCP int
	// Device is the name of the network interface to which the socket is bound
	// (SO_BINDTODEVICE). It then receives from and sends through no other one.
	Device string
	// Priority is the queueing priority of sent datagrams (SO_PRIORITY), from
	// 0 to 6. Higher values need CAP_NET_ADMIN. The default, 0, follows DSCP.
	Priority int
	// BusyPoll is the time for which a read may poll the network card instead
	// of waiting for an interrupt (SO_BUSY_POLL), in whole microseconds, up to
	// one second. More than net.core.busy_read needs CAP_NET_ADMIN. The
	// default, 0, is that of the system.
	BusyPoll time.Duration
	// PacketConn is an open UDP socket to use instead of a new one, such as one
	// passed by systemd (net.FilePacketConn of descriptor 3). It must be a
	// *net.UDPConn. Listen takes ownership, and closes it even if it fails. The
	// address that Listen is given is then ignored.
	PacketConn net.PacketConn

	// Logger receives warnings about features that the system does not have and about
	// persistent errors. If it is nil they are discarded.
	Logger *slog.Logger
}

// DefaultBuffer is the default of Config.ReadBuffer and Config.WriteBuffer, in
// bytes.
const DefaultBuffer = 4 << 20

// What we chose.
const (
	defaultBatch       = 64   // slots
	defaultMaxDatagram = 2048 // bytes

	defaultMaxQueueDelay = 250 * time.Millisecond

	// maxStall bounds the time that a WriteBatch waits for the socket to become
	// writable.
	maxStall = time.Millisecond
	// maxReports bounds the errors in a row that a ReadBatch reads from the
	// kernel before it returns, so that the caller can run its timers.
	maxReports = 16
)

// maxBatch is UIO_MAXIOV, to which the kernel truncates a batch.
const maxBatch = 1024

// maxDSCP is the largest value of the 6-bit field of RFC 2474 section 3.
const maxDSCP = 63

func (c Config) withDefaults() (Config, error) {
	for _, f := range []struct {
		name    string
		value   *int
		def     int
		highest int
	}{
		{"ReadBuffer", &c.ReadBuffer, DefaultBuffer, 1 << 30},
		{"WriteBuffer", &c.WriteBuffer, DefaultBuffer, 1 << 30},
		{"Batch", &c.Batch, defaultBatch, maxBatch},
		{"MaxDatagram", &c.MaxDatagram, defaultMaxDatagram, wire.MaxDatagram},
	} {
		if *f.value < 0 || *f.value > f.highest {
			return c, fmt.Errorf("%w: %s is %d, want 1 to %d, or 0 for the default of %d",
				ErrConfig, f.name, *f.value, f.highest, f.def)
		}
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.DSCP < 0 || c.DSCP > maxDSCP:
		return c, fmt.Errorf("%w: DSCP is %d, want 0 to %d", ErrConfig, c.DSCP, maxDSCP)
	case c.Priority < 0:
		return c, fmt.Errorf("%w: Priority is %d, want 0 or more", ErrConfig, c.Priority)
	case c.BusyPoll < 0 || c.BusyPoll > time.Second:
		return c, fmt.Errorf("%w: BusyPoll is %v, want 0 to 1s", ErrConfig, c.BusyPoll)
	}
	if c.PacketConn != nil {
		if _, ok := c.PacketConn.(*net.UDPConn); !ok {
			return c, fmt.Errorf("%w: PacketConn is a %T, want a *net.UDPConn", ErrConfig, c.PacketConn)
		}
	}
	switch {
	case c.MaxQueueDelay == 0:
		c.MaxQueueDelay = defaultMaxQueueDelay
	case c.MaxQueueDelay < 0:
		c.MaxQueueDelay = 0
	}
	return c, nil
}
