package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/wire"
)

// subscription is received messages on their way to our output.
type subscription struct {
	want  uint64 // messages, or 0 for no end
	allow *allowFile
	log   *slog.Logger
	lines *lineQueue
	start time.Time

	full    chan struct{} // closed when want messages have come
	written chan error    // the end of writing

	received, bytes, dropped atomic.Uint64
}

func newSubscription(want uint64, log *slog.Logger) *subscription {
	return &subscription{
		want: want, log: log, lines: newLineQueue(maxPending), start: time.Now(),
		full: make(chan struct{}), written: make(chan error, 1),
	}
}

// handle is a Config.Handler. If the reader of our output is too far behind,
// state is dropped, and a publisher of Reliable messages is closed: to skip
// one and go on would break the promise.
func (s *subscription) handle(p *intentra.Peer, m intentra.Message) {
	if s.want > 0 && s.received.Load() == s.want {
		return
	}
	if !s.lines.add(m.Payload) {
		s.dropped.Add(1)
		if m.Intent == intentra.Reliable {
			p.CloseReason(wire.CloseSlow)
		}
		return
	}
	s.bytes.Add(uint64(len(m.Payload)))
	if s.received.Add(1) == s.want {
		close(s.full)
	}
}

// run writes messages to stdout until there are enough of them, the time or
// ctx ends, or nobody reads them.
func (s *subscription) run(e *environment, t *intentra.Transport, timeout time.Duration) error {
	go func() { s.written <- s.write(e.stdout) }()
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-s.full:
	case <-e.ctx.Done():
	case err := <-s.written:
		s.written <- nil
		return err
	case <-expired:
		if n := s.received.Load(); n < s.want {
			return fmt.Errorf("sub: %d of %d messages after %v", n, s.want, timeout)
		}
	}
	return nil
}

func (s *subscription) write(w io.Writer) error {
	if err := s.lines.writeTo(w); err != nil {
		return fmt.Errorf("sub: write to standard output: %w", err)
	}
	return nil
}

// drain waits until all that was received is written, but not for ever for a
// reader that has stopped reading.
func (s *subscription) drain() error {
	s.lines.close()
	select {
	case err := <-s.written:
		return err
	case <-time.After(closeGrace):
		return errors.New("sub: standard output takes nothing any more; the last messages are lost")
	}
}

// subSummary is the JSON line at the end.
type subSummary struct {
	Received  uint64  `json:"received"` // messages
	Bytes     uint64  `json:"bytes"`    // of their payloads
	Drops     drops   `json:"drops"`
	DurationS float64 `json:"duration_s"`
}

func (s *subscription) summary(stats intentra.Stats) subSummary {
	d := dropsOf(stats)
	d.count("stdout", "slow_reader", s.dropped.Load())
	return subSummary{
		Received: s.received.Load(), Bytes: s.bytes.Load(), Drops: d,
		DurationS: seconds(time.Since(s.start)),
	}
}

// isTimeout reports whether a goodbye took longer than its grace, which is the
// other side's doing.
func isTimeout(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
