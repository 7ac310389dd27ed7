package main

import (
	"bytes"
	"compress/flate"
	"io"

	"github.com/intentra/intentra/pipeline"
)

// maxInflated bounds the expanded payload, in bytes. A few bytes of DEFLATE can
// expand to thousands.
const maxInflated = 16 << 10

// The verdicts of inflate, in the order of its Reasons.
const (
	dropMalformed = pipeline.DropFirst + iota
	dropTooLong
)

// inflate is the inbound stage that reverses deflate. It reuses its reader and
// buffer. compress/flate allocates only for streams with codes longer than nine
// bits, which are rare in short messages.
type inflate struct {
	in  bytes.Reader
	r   io.ReadCloser // a flate.Resetter
	out [maxInflated + 1]byte
}

func newInflate() *inflate {
	s := new(inflate)
	s.r = flate.NewReader(&s.in)
	return s
}

// Name returns the stage's name, which appears in metrics.
func (*inflate) Name() string { return "inflate" }

// Reasons names the reasons for drops.
func (*inflate) Reasons() []string { return []string{"malformed", "too_long"} }

// Process replaces the payload with the original one.
func (s *inflate) Process(p *pipeline.Packet) pipeline.Verdict {
	b := p.Payload()
	if len(b) == 0 || b[0] > deflated {
		return dropMalformed
	}
	if b[0] == plain {
		p.SetPayload(b[1:])
		return pipeline.Accept
	}
	s.in.Reset(b[1:])
	if err := s.r.(flate.Resetter).Reset(&s.in, nil); err != nil {
		return dropMalformed
	}
	n, err := io.ReadFull(s.r, s.out[:])
	switch {
	case err == nil:
		return dropTooLong
	case err != io.EOF && err != io.ErrUnexpectedEOF, !s.ended():
		return dropMalformed
	}
	p.SetPayload(s.out[:n])
	return pipeline.Accept
}

// ended reports whether the stream is complete and nothing follows it. ReadFull
// returns ErrUnexpectedEOF both for a complete stream and for a truncated one.
func (s *inflate) ended() bool {
	_, err := s.r.Read(s.out[maxInflated:])
	return err == io.EOF && s.in.Len() == 0
}
