package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/load"
)

// publication sends lines to one peer and counts them.
type publication struct {
	peer   *intentra.Peer
	intent intentra.Intent
	start  time.Time

	// sending is held from the moment a line has been read until it is sent and
	// counted. After ended no line is sent.
	sending sync.Mutex
	ended   bool
	waited  time.Duration // by the current line, after the interrupt

	lines, bytes atomic.Uint64
	unsent       atomic.Uint64 // of lines, those still waiting for room at the end
}

// send sends the lines of r according to the flags c, until ctx ends. The line that
// is waiting for room then waits for at most flushGrace more.
func (p *publication) send(ctx context.Context, r io.Reader, c *pubCmd) error {
	patient, stop := extend(ctx, flushGrace)
	defer stop()
	s := &lineSender{
		publication: p, pacer: &load.Pacer{Start: load.Now(), Rate: c.Rate},
		wait: c.Rate == 0 || p.intent == intentra.Reliable, patient: patient,
	}
	m := intentra.Message{Channel: c.Channel, Intent: p.intent, TTL: c.TTL, Priority: c.Priority, Stamp: c.Stamp}
	lines := newLineReader(r, p.peer.Transport().MaxMessageSize())
	if c.Repeat == 1 {
		return s.stream(ctx, m, lines)
	}
	return s.repeat(ctx, m, lines, c.Repeat)
}

// lineSender sends lines at the requested rate.
type lineSender struct {
	*publication
	pacer *load.Pacer
	// wait makes each line wait for room in the queue, until patient ends.
	// Without it newer messages displace older ones.
	wait    bool
	patient context.Context
}

// stream sends each line as it is read.
func (s *lineSender) stream(ctx context.Context, m intentra.Message, lines *lineReader) error {
	for {
		line, err := lines.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		m.Payload = line
		if ok, err := s.sendOne(ctx, m); !ok {
			return err
		}
	}
}

// repeat reads all lines and sends them the given number of times.
func (s *lineSender) repeat(ctx context.Context, m intentra.Message, lines *lineReader, times int) error {
	var all [][]byte
	for {
		line, err := lines.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		all = append(all, slices.Clone(line))
	}
	s.pacer.Start = load.Now()
	for range times {
		for _, m.Payload = range all {
			if ok, err := s.sendOne(ctx, m); !ok {
				return err
			}
		}
	}
	return nil
}

// sendOne returns false if no more lines can be sent: with an error, or without
// one if ctx has ended. It sends m even then, without waiting for its turn, unless
// the publication has ended.
func (s *lineSender) sendOne(ctx context.Context, m intentra.Message) (ok bool, err error) {
	s.sending.Lock()
	defer s.sending.Unlock()
	if s.ended {
		return false, nil
	}
	s.pacer.Wait(ctx)
	if s.wait {
		err = s.peer.SendWait(s.patient, m)
	} else if err = s.peer.Send(m).Err; !errors.Is(err, net.ErrClosed) {
		err = nil // the summary counts drops
	}
	s.lines.Add(1)
	s.bytes.Add(uint64(len(m.Payload)))
	if errors.Is(err, errLate) {
		s.unsent.Add(1)
	}
	if ctx.Err() != nil {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("send message %d: %w", s.lines.Load(), err)
	}
	return true, nil
}

// finish waits until everything sent is acknowledged or lost, at most for grace
// since the interrupt if there was one, and closes the transport. It fails if
// Reliable messages remain unacknowledged, because they may not have arrived;
// the summary counts other losses.
func (p *publication) finish(grace time.Duration) error {
	err := shutdown(p.peer.Transport(), max(grace-p.waited, 0))
	if p.intent == intentra.Reliable {
		if s := p.summary(); s.Lost+s.Dropped > 0 {
			return fmt.Errorf("%d of %d reliable messages were not acknowledged", s.Lost+s.Dropped, s.Lines)
		}
	}
	if isTimeout(err) {
		return nil
	}
	return err
}

// pubSummary is the JSON line at the end of the output. It counts messages:
// lines = acked + lost + superseded + expired + dropped.
type pubSummary struct {
	Lines uint64 `json:"lines"` // read from standard input, with repetitions
	Sent  uint64 `json:"sent"`  // handed to the network: lines - superseded - expired - dropped
	Acked uint64 `json:"acked"` // acknowledged by the peer
	Lost  uint64 `json:"lost"`  // sent, and never acknowledged
	// Superseded counts Latest messages that a newer one replaced before it was sent.
	Superseded uint64  `json:"superseded"`
	Expired    uint64  `json:"expired"` // older than --ttl before they were acknowledged
	Dropped    uint64  `json:"dropped"` // not sent: displaced, not connected
	Bytes      uint64  `json:"bytes"`   // of the lines
	RTT        float64 `json:"rtt_us"`
	DurationS  float64 `json:"duration_s"`
}

// summary returns the final counters: every message sent and not acknowledged is
// lost.
func (p *publication) summary() pubSummary {
	r := p.standing()
	if p.intent == intentra.Reliable {
		// Reliable messages are dropped only at the end. Those dropped then, some
		// of them sent many times, are the unacknowledged ones. The count of
		// standing would be wrong, because acknowledged packets may contain the
		// same message twice.
		unsent := p.unsent.Load()
		r.Sent, r.Acked, r.Dropped = r.Lines-unsent-r.Expired, r.Lines-r.Expired-r.Dropped, unsent
	}
	r.Lost = r.Sent - r.Acked
	return r
}

// standing returns the current counters. Messages that were sent and are neither
// acknowledged nor lost are in flight; lost Reliable messages are sent again and
// counted each time.
func (p *publication) standing() pubSummary {
	s := p.peer.Stats()
	r := pubSummary{
		Lines: p.lines.Load(), Bytes: p.bytes.Load(), Lost: s.Lost,
		RTT: microseconds(s.RTT), DurationS: seconds(time.Since(p.start)),
	}
	r.Dropped = p.unsent.Load()
	t := p.peer.Transport().Stats()
	for _, d := range t.SendDrops {
		if d.Name == "expired" {
			r.Expired = min(d.Count, r.Lines)
		} else {
			r.Dropped += d.Count
		}
	}
	r.Dropped = min(r.Dropped, r.Lines-r.Expired)
	r.Superseded = min(t.Superseded, r.Lines-r.Expired-r.Dropped)
	r.Sent = r.Lines - r.Expired - r.Dropped - r.Superseded
	r.Acked = min(s.Acked, r.Sent)
	return r
}
