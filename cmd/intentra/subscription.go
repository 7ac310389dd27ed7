package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/load"
)

// What we chose.
const (
	// subQueue is how many messages of one publisher are queued until they are
	// written. States beyond it are lost, Reliable messages wait at the sender.
	subQueue = 1 << 16
	// subBuffer is the maximum size of a write, in bytes.
	subBuffer = 64 << 10
)

// subscription copies received messages to an output and counts them.
type subscription struct {
	json    bool          // print objects, not payloads
	want    uint64        // messages, or 0 for no limit
	dialled bool          // the other side may be a hub
	spent   time.Duration // of the timeout, to connect
	closing func()        // called before the transport is closed
	start   time.Time

	received, bytes atomic.Uint64
}

// run copies messages to w until it has the wanted number, the timeout expires,
// ctx ends, or w fails. Then it closes t and copies the messages that have arrived
// until then.
func (s *subscription) run(ctx context.Context, t *intentra.Transport, w io.Writer, timeout time.Duration) error {
	s.start = time.Now()
	copied := make(chan error, 1)
	go func() { copied <- s.copy(t, w) }()
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout - s.spent)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case err := <-copied:
		s.closing()
		_ = shutdown(t, closeGrace)
		return err
	case <-ctx.Done():
	case <-expired:
	}
	stopped := ctx.Err() != nil
	s.closing()
	_ = shutdown(t, closeGrace)
	select {
	case err := <-copied:
		if err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
	case <-time.After(closeGrace):
		return errors.New("standard output accepts no more data; the last messages are lost")
	}
	if n := s.received.Load(); !stopped && n < s.want {
		return fmt.Errorf("received %d of %d messages within %v", n, s.want, timeout)
	}
	return nil
}

// copy writes each message as a line, until it has the wanted number or t is
// closed. It flushes when no further message is waiting, so that messages are
// written promptly and in few writes.
func (s *subscription) copy(t *intentra.Transport, w io.Writer) error {
	out := bufio.NewWriterSize(w, subBuffer)
	noWait, cancel := context.WithCancel(context.Background())
	cancel()
	p := newProcessors()
	defer p.limit(false)
	for {
		m, err := t.Receive(noWait)
		if errors.Is(err, context.Canceled) {
			if err := flush(out); err != nil {
				return err
			}
			m, err = t.Receive(context.Background())
		}
		if err != nil {
			return errors.Join(err, flush(out))
		}
		if s.dialled {
			if err := refusedByHub(m.Message, "sub"); err != nil {
				return err
			}
		}
		p.message()
		if err := s.print(out, &m); err != nil {
			return err
		}
		s.bytes.Add(uint64(len(m.Payload)))
		if s.received.Add(1) == s.want {
			return flush(out)
		}
	}
}

// print writes a message as a line. Errors of out are returned by flush.
func (s *subscription) print(out *bufio.Writer, m *intentra.Received) error {
	if s.json {
		return printMessage(out, m)
	}
	_, _ = out.Write(m.Payload)
	_ = out.WriteByte('\n')
	return nil
}

func flush(out *bufio.Writer) error {
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

// subSummary is the JSON line at the end of the output.
type subSummary struct {
	Received  uint64     `json:"received"` // messages
	Bytes     uint64     `json:"bytes"`    // of their payloads
	Drops     load.Drops `json:"drops"`
	DurationS float64    `json:"duration_s"`
}

func (s *subscription) summary(stats intentra.Stats) subSummary {
	r := subSummary{Received: s.received.Load(), Bytes: s.bytes.Load(), Drops: load.DropsOf(stats)}
	if !s.start.IsZero() {
		r.DurationS = seconds(time.Since(s.start))
	}
	return r
}
