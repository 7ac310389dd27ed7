package udp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/intentra/intentra/wire"
)

// Constants of this implementation.
const (
	// peekWait is the deadline of a read that should not wait, because package net
	// has no such read. It is just long enough for one attempt; the runtime may round
	// a wait up to a millisecond.
	peekWait = 2 * time.Microsecond
	// retryWait is how long a datagram may wait for the socket when earlier ones have
	// used up maxStall.
	retryWait = 100 * time.Microsecond
)

// portable transfers one datagram per system call with package net. The kernel does
// not report drops to it, so Stats.Overflowed remains zero.
type portable struct {
	*net.UDPConn
	counters *counters
	// buf is one byte larger than the largest datagram, because systems differ
	// in how they report a truncated one.
	buf []byte
	// control receives the control messages of a datagram. It is empty if the
	// system does not report local addresses.
	control []byte
	source  source
	ipv6    bool // the socket's family

	reading, writing trouble
}

func newPortable(pc *net.UDPConn, cfg Config, c *counters) *portable {
	p := &portable{
		UDPConn: pc, counters: c, buf: make([]byte, cfg.MaxDatagram+1),
		reading: trouble{what: "receiving", logger: cfg.Logger, now: time.Now},
		writing: trouble{what: "sending", logger: cfg.Logger, now: time.Now},
	}
	local := pc.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
	p.ipv6 = !local.Is4()
	if local.IsUnspecified() && enablePortableSource(pc, p.ipv6) == nil {
		p.control = make([]byte, sourceRoom)
	}
	return p
}

func enablePortableSource(pc *net.UDPConn, ipv6 bool) error {
	raw, err := pc.SyscallConn()
	if err != nil {
		return err
	}
	ctlErr := raw.Control(func(fd uintptr) { err = enableSource(fd, ipv6) })
	return errors.Join(ctlErr, err)
}

func (p *portable) backoff() time.Duration { return p.reading.backoff }

func (p *portable) setReadDeadline(t time.Time) error { return p.SetReadDeadline(t) }

func (p *portable) offload() Offload { return Offload{} }

func (p *portable) tooLarge() []int { return nil }

func (p *portable) close() error { return p.Close() }

func (p *portable) read(dst []wire.Datagram, block bool) (int, error) {
	if block {
		n, err := p.readOne(dst)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
	// After the deadline, package net returns without reading from the socket.
	if err := p.SetReadDeadline(time.Now().Add(peekWait)); err != nil {
		return 0, err
	}
	n, err := p.readOne(dst)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}

func (p *portable) readOne(dst []wire.Datagram) (int, error) {
	var last error
	for range maxReports {
		n, oob, _, from, err := p.ReadMsgUDPAddrPort(p.buf, p.control)
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			p.reading.succeeded()
		}
		switch {
		case err == nil:
			d := wire.Datagram{Data: p.buf[:n:n], Addr: normalize(from)}
			if oob > 0 {
				d.Local = parseSource(p.control[:oob])
			}
			return p.deliver(dst, d), nil
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
			return 0, err
		}
		if loss := lossOfError(err); loss != LossTooLarge {
			p.counters.reported.add(loss, 1)
			last = err
			continue
		}
		// Windows reports a truncated datagram with this error.
		p.counters.readLoss.add(LossTruncated, 1)
		last = nil
	}
	return 0, p.failed(&p.reading, last)
}

// failed records in t that a whole call failed with err, which may be nil. It returns
// an error if the socket is broken.
func (p *portable) failed(t *trouble, err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return t.failed(errno)
	}
	return nil
}

func (p *portable) deliver(dst []wire.Datagram, d wire.Datagram) int {
	if len(d.Data) == len(p.buf) {
		p.counters.readLoss.add(LossTruncated, 1)
		return 0
	}
	p.counters.readCalls.Add(1)
	p.counters.read(1, len(d.Data))
	dst[0] = d
	return 1
}

func (p *portable) write(src []wire.Datagram, keep bool) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(maxStall)); err != nil {
		return 0, err
	}
	sent, bytes := 0, 0
	var last error
	defer func() { p.counters.wrote(sent, sent, bytes) }()
	for i, d := range src {
		err := p.writeOne(d)
		switch {
		case err == nil:
			sent++
			bytes += len(d.Data)
		case errors.Is(err, os.ErrDeadlineExceeded):
			if keep {
				return i, nil
			}
			p.counters.writeLoss.add(LossStalled, len(src)-i)
			return sent, nil
		case errors.Is(err, net.ErrClosed):
			return sent, err
		default:
			p.counters.writeLoss.add(lossOfError(err), 1)
			last = err
		}
	}
	n := sent
	if keep {
		n = len(src)
	}
	if sent > 0 {
		p.writing.succeeded()
		return n, nil
	}
	return n, p.failed(&p.writing, last)
}

// writeOne sends d. It returns os.ErrDeadlineExceeded only if the socket was not
// writable. Package net also returns it, without an attempt to send, if earlier
// datagrams have used up the time.
func (p *portable) writeOne(d wire.Datagram) error {
	if !sendable(d.Addr) {
		return errNotSendable
	}
	refused := false
	for {
		start := time.Now()
		err := p.writeTo(d)
		switch {
		case err == nil:
			return nil
		case d.Local.IsValid() && sourceGone(lossOfError(err)):
			// This host may no longer have the source address: let the system
			// choose one.
			d.Local = netip.Addr{}
			p.counters.reported.add(LossAddress, 1)
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Since(start) < retryWait/2:
			if err := p.SetWriteDeadline(time.Now().Add(retryWait)); err != nil {
				return err
			}
		case !refused && lossOfError(err) == LossRefused:
			// The error is about an earlier datagram; this one was not sent.
			refused = true
			p.counters.reported.add(LossRefused, 1)
		default:
			return err
		}
	}
}

func (p *portable) writeTo(d wire.Datagram) (err error) {
	if d.Local.IsValid() && len(p.control) > 0 {
		_, _, err = p.WriteMsgUDPAddrPort(d.Data, p.source.message(d.Local, p.ipv6), d.Addr)
		return err
	}
	_, err = p.WriteToUDPAddrPort(d.Data, d.Addr)
	return err
}

// errNotSendable counts as LossAddress, as an AddrError of package net does.
var errNotSendable error = &net.AddrError{Err: "not a unicast address"}
