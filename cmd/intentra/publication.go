package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra"
)

// publication is lines on their way to one peer.
type publication struct {
	peer  *intentra.Peer
	start time.Time

	lines, bytes atomic.Uint64
}

// send sends the lines of r as c says.
func (p *publication) send(ctx context.Context, r io.Reader, c *pubCmd) error {
	s := &lineSender{publication: p, pacer: newPacer(c.Rate), wait: c.Rate == 0 || c.Intent == intentra.Reliable.String()}
	m := intentra.Message{Channel: c.Channel, Intent: intents[c.Intent]}
	lines := newLineReader(r, p.peer.Transport().MaxMessageSize())
	if c.Repeat == 1 {
		return s.stream(ctx, m, lines)
	}
	return s.repeat(ctx, m, lines, c.Repeat)
}

// lineSender sends at the pace asked for.
type lineSender struct {
	*publication
	pacer *pacer
	// wait says to wait for room in the queue rather than to let newer
	// messages displace older ones.
	wait bool
}

// stream sends each line as it comes.
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
	s.pacer.start = time.Now()
	for range times {
		for _, m.Payload = range all {
			if ok, err := s.sendOne(ctx, m); !ok {
				return err
			}
		}
	}
	return nil
}

// sendOne reports false if there is no use in sending more: with the error, or
// none if ctx has ended.
func (s *lineSender) sendOne(ctx context.Context, m intentra.Message) (ok bool, err error) {
	if !s.pacer.wait(ctx) {
		return false, nil
	}
	if s.wait {
		err = s.peer.SendWait(ctx, m)
	} else if err = s.peer.Send(m).Err; !errors.Is(err, net.ErrClosed) {
		err = nil // what was dropped is in the summary
	}
	if ctx.Err() != nil {
		return false, nil
	}
	s.lines.Add(1)
	s.bytes.Add(uint64(len(m.Payload)))
	if err != nil {
		return false, fmt.Errorf("pub: send message %d: %w", s.lines.Load(), err)
	}
	return true, nil
}

// finish waits until all that was sent is acknowledged or lost, and closes. It
// fails if Reliable messages remain unacknowledged: then they may not have
// arrived.
func (p *publication) finish(intent intentra.Intent) error {
	err := shutdown(p.peer.Transport(), flushGrace)
	if s := p.summary(); intent == intentra.Reliable && s.Acked < s.Lines {
		return fmt.Errorf("pub: %d of %d reliable messages have not been acknowledged", s.Lines-s.Acked, s.Lines)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // what is missing is in the summary
	}
	return err
}

func (p *publication) summary() pubSummary {
	s := p.peer.Stats()
	return pubSummary{
		Lines: p.lines.Load(), Bytes: p.bytes.Load(),
		Sent: s.MessagesOut, Acked: s.Acked, Lost: s.Lost, Dropped: s.SendDrops,
		RTT: microseconds(s.RTT), DurationS: seconds(time.Since(p.start)),
	}
}
