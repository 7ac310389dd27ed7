package udp

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/intentra/intentra/wire"
)

// ErrConfig is wrapped by the errors of Listen that a Config is to blame for.
var ErrConfig = errors.New("udp: invalid config")

// Config is what Listen may be told. The zero value works: each zero field
// stands for its default.
type Config struct {
	// ReadBuffer and WriteBuffer are the bytes of datagrams that the kernel
	// is asked to queue. The default is DefaultBuffer; Conn.Granted tells what
	// came of it.
	ReadBuffer, WriteBuffer int
	// Batch is the most messages per system call, at most 1024: datagrams, or
	// runs of up to 64 of them. The default is 64. With GRO the socket has
	// 64 KiB of buffer for each, of which only what is used takes memory.
	Batch int
	// MaxDatagram is the length in bytes of the longest datagram received, at
	// most 65507. Longer ones are dropped and counted. The default is 2048.
	MaxDatagram int
	// Portable uses package net even where there is something faster.
	Portable bool
	// DisableDontFragment lets IP fragment datagrams. By default they are sent
	// with don't-fragment set where the system allows it (Linux), and one
	// larger than the interface's MTU is lost as LossTooLarge.
	DisableDontFragment bool
	// MaxQueueDelay is the longest that a datagram may have waited in the
	// kernel's receive queue. One that has waited longer is dropped unopened as
	// LossStale: whoever cannot keep up falls behind by that much and no more,
	// and spends his time on what is fresh. The default is 250 ms; a negative
	// value sets no limit. Linux alone knows the time.
	MaxQueueDelay time.Duration
	// DisableGSO and DisableGRO do without the kernel's segmentation of what
	// is sent and its coalescing of what is received, which are used where the
	// kernel has them; see Conn.Offload.
	DisableGSO, DisableGRO bool

	// DSCP is the differentiated services code point (RFC 2474) of what is
	// sent, from 0 to 63: 46 asks for expedited forwarding. The default, 0, is
	// best effort.
	DSCP int
	// Device binds the socket to one network interface, by name
	// (SO_BINDTODEVICE): nothing is received from, or sent through, another.
	Device string
	// Priority is the queueing priority of what is sent (SO_PRIORITY), from 0
	// to 6; more needs CAP_NET_ADMIN. The default, 0, follows DSCP.
	Priority int
	// BusyPoll is how long a read may poll the network card instead of waiting
	// for its interrupt (SO_BUSY_POLL), in whole microseconds. More than
	// net.core.busy_read needs CAP_NET_ADMIN. The default, 0, is the system's.
	BusyPoll time.Duration
	// PacketConn is an open UDP socket to use in place of a new one, for
	// example one that systemd passes (net.FilePacketConn of descriptor 3).
	// It must be a *net.UDPConn. Listen takes it over, closes it on failure
	// too, and ignores the address.
	PacketConn net.PacketConn

	// Logger receives warnings about the socket: what the system lacks, and
	// errors that do not go away. Nil discards them.
	Logger *slog.Logger
}

// DefaultBuffer is the default of Config.ReadBuffer and Config.WriteBuffer, in
// bytes.
const DefaultBuffer = 4 << 20

// What we chose.
const (
	defaultBatch       = 64   // datagrams
	defaultMaxDatagram = 2048 // bytes

	defaultMaxQueueDelay = 250 * time.Millisecond

	// maxStall is how long one WriteBatch waits for the socket to be writable.
	maxStall = time.Millisecond
	// maxReports is how many errors in a row one ReadBatch takes from the
	// kernel before it lets the caller see to its timers.
	maxReports = 16
)

// maxBatch is UIO_MAXIOV, where the kernel cuts a longer batch off.
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
			return c, fmt.Errorf("%w: %s is %d, want 1 to %d, or 0 for %d",
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
