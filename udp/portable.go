package udp

import (
	"errors"
	"net"
	"os"
	"time"

	"github.com/intentra/intentra/wire"
)

// What we chose.
const (
	// peekWait stands for no wait at all, which package net does not have. It
	// is just long enough that the socket is looked at: the runtime may round
	// a wait up to a millisecond once it sleeps.
	peekWait = 2 * time.Microsecond
	// retryWait is the time that a datagram gets when those before it have
	// used up maxStall without waiting.
	retryWait = 100 * time.Microsecond
)

// portable moves one datagram a system call, through package net. It does not
// learn what the kernel dropped: Stats.Overflowed stays zero.
type portable struct {
	*net.UDPConn
	counters *counters
	// buf has room for one byte more than the longest datagram: systems
	// differ in how they tell that they have cut one off.
	buf []byte
}

func newPortable(pc *net.UDPConn, cfg Config, c *counters) *portable {
	return &portable{UDPConn: pc, counters: c, buf: make([]byte, cfg.MaxDatagram+1)}
}

func (p *portable) setReadDeadline(t time.Time) error { return p.SetReadDeadline(t) }

func (p *portable) offload() Offload { return Offload{} }

func (p *portable) close() error { return p.Close() }

func (p *portable) read(dst []wire.Datagram, block bool) (int, error) {
	if block {
		n, err := p.readOne(dst)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
	// Package net does not look at the socket once the deadline has passed.
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
	for range maxReports {
		n, _, _, from, err := p.ReadMsgUDPAddrPort(p.buf, nil)
		switch {
		case err == nil:
			return p.deliver(dst, wire.Datagram{Data: p.buf[:n:n], Addr: normalize(from)}), nil
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
			return 0, err
		}
		if loss := lossOfError(err); loss != LossTooLarge {
			p.counters.reported.add(loss, 1)
			continue
		}
		// Windows says so of a datagram that it has cut off.
		p.counters.readLoss.add(LossTruncated, 1)
	}
	return 0, nil
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

func (p *portable) write(src []wire.Datagram) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(maxStall)); err != nil {
		return 0, err
	}
	sent, bytes := 0, 0
	defer func() { p.counters.wrote(sent, sent, bytes) }()
	for i, d := range src {
		err := p.writeOne(d)
		switch {
		case err == nil:
			sent++
			bytes += len(d.Data)
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.counters.writeLoss.add(LossStalled, len(src)-i)
			return sent, nil
		case errors.Is(err, net.ErrClosed):
			return sent, err
		default:
			p.counters.writeLoss.add(lossOfError(err), 1)
		}
	}
	return sent, nil
}

// writeOne returns os.ErrDeadlineExceeded only if the socket was not writable.
// Package net also returns it, without a try, when the earlier datagrams alone
// have used up the time.
func (p *portable) writeOne(d wire.Datagram) error {
	if !sendable(d.Addr) {
		return errNotSendable
	}
	refused := false
	for {
		start := time.Now()
		_, err := p.WriteToUDPAddrPort(d.Data, d.Addr)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Since(start) < retryWait/2:
			if err := p.SetWriteDeadline(time.Now().Add(retryWait)); err != nil {
				return err
			}
		case !refused && lossOfError(err) == LossRefused:
			// It tells of an earlier datagram; this one has not been tried.
			refused = true
			p.counters.reported.add(LossRefused, 1)
		default:
			return err
		}
	}
}

// errNotSendable counts as LossAddress, like net's own.
var errNotSendable error = &net.AddrError{Err: "not a unicast address"}
