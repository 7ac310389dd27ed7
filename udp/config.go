package udp

import (
	"errors"
	"fmt"
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
	switch {
	case c.MaxQueueDelay == 0:
		c.MaxQueueDelay = defaultMaxQueueDelay
	case c.MaxQueueDelay < 0:
		c.MaxQueueDelay = 0
	}
	return c, nil
}
